"""An allowance is spent, paid back by waiting, and forgotten when full."""

from hypothesis import given
from hypothesis import strategies as st

from stressvision_ingest.fairness import FORGET_AT, Allowances


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_burst_is_free_and_debt_is_paid_by_waiting():
    clock = Clock()
    allowances = Allowances(rate=10, burst=100, clock=clock)
    allowances.spend("a", 100)
    assert allowances.wait_s("a") == 0
    allowances.spend("a", 50)
    assert allowances.wait_s("a") == 5
    assert allowances.wait_s("b") == 0
    clock.now_s = 5
    assert allowances.wait_s("a") == 0


def test_debt_has_a_bottom():
    allowances = Allowances(rate=10, burst=100, clock=Clock())
    allowances.spend("a", 1e9)
    assert allowances.wait_s("a") == 10


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 500)), max_size=30))
def test_nobody_gets_more_than_burst_and_rate_over_time_while_out_of_debt(steps):
    clock = Clock()
    allowances = Allowances(rate=10, burst=100, clock=clock)
    spent = 0.0
    for pause_s, amount in steps:
        clock.now_s += pause_s
        if allowances.wait_s("a") == 0 and amount <= 100:
            assert spent <= 100 + 10 * clock.now_s + 1e-6
            allowances.spend("a", amount)
            spent += amount


def test_those_who_are_full_again_are_forgotten():
    clock = Clock()
    allowances = Allowances(rate=10, burst=10, clock=clock)
    for n in range(FORGET_AT):
        allowances.spend(n, 5)
    allowances.spend("debtor", 20)
    clock.now_s = 1.0
    allowances.spend("newcomer", 1)
    assert len(allowances._held) <= 2
    assert allowances.wait_s("debtor") == 0
