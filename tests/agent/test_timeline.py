"""What a boot learns of the true time, from whom, and what it makes of a wall clock that jumps."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_agent.timeline import Timeline
from support.device import TurnedClock

DAY = timedelta(days=1)


class Kept:
    """An anchor store that counts its writes: each wears a real card."""

    def __init__(self):
        self.value, self.writes = None, 0

    def anchor(self):
        return self.value

    def keep_anchor(self, anchor):
        self.value, self.writes = anchor, self.writes + 1


@pytest.fixture
def clock():
    return TurnedClock(offset=DAY)


@pytest.fixture
def store():
    return Kept()


def make(clock, store, *, synchronised=False):
    return Timeline(clock, store, synchronised=lambda: synchronised)


def error_s(timeline, clock):
    return abs((timeline.now() - clock.true_now()).total_seconds())


def test_before_anything_is_learnt_the_wall_clock_speaks(clock, store):
    timeline = make(clock, store)
    assert timeline.now() == clock.now()
    assert timeline.offset_s() is None


def test_a_server_that_answers_puts_the_time_right(clock, store):
    timeline = make(clock, store)
    timeline.observe_server(clock.true_now(), clock.uptime_s - 0.2, clock.uptime_s + 0.2)
    assert error_s(timeline, clock) < 0.01
    assert timeline.offset_s() == pytest.approx(DAY.total_seconds())


def test_a_date_header_is_right_within_half_a_second(clock, store):
    timeline = make(clock, store)
    header = f"{clock.true_now():%a, %d %b %Y %H:%M:%S} GMT"
    timeline.observe_date(header, clock.uptime_s, clock.uptime_s)
    assert error_s(timeline, clock) <= 0.5


@pytest.mark.parametrize("header", [None, "", "yesterday", "Mon, 99 Foo 2026 10:00:00 GMT"])
def test_an_unreadable_date_teaches_nothing(clock, store, header):
    timeline = make(clock, store)
    timeline.observe_date(header, clock.uptime_s, clock.uptime_s)
    assert timeline.offset_s() is None


def test_a_slow_answer_does_not_replace_a_quick_one(clock, store):
    timeline = make(clock, store)
    timeline.observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    clock.advance(60)
    timeline.observe_server(clock.true_now() - timedelta(seconds=8), clock.uptime_s - 8, clock.uptime_s)
    assert error_s(timeline, clock) < 0.01


def test_drift_is_followed(clock, store):
    """A quartz that runs 50 ppm fast errs by more than four seconds a day."""
    timeline = make(clock, store)
    for _ in range(24 * 4):
        timeline.observe_server(clock.true_now(), clock.uptime_s - 0.05, clock.uptime_s + 0.05)
        clock.advance(900)
        clock.booted_at -= timedelta(seconds=900 * 50e-6)
    assert error_s(timeline, clock) < 0.2


def test_a_synchronised_wall_clock_teaches_without_a_server(store):
    clock = TurnedClock()
    timeline = make(clock, store, synchronised=True)
    timeline.look_at_wall_clock()
    assert timeline.offset_s() == 0
    assert store.value is not None


def test_the_server_outranks_a_wall_clock_that_says_it_is_right(clock, store):
    timeline = make(clock, store, synchronised=True)
    timeline.look_at_wall_clock()
    timeline.observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    clock.advance(30)
    timeline.look_at_wall_clock()
    assert error_s(timeline, clock) < 0.01


def test_a_restarted_agent_remembers_the_boot(clock, store):
    make(clock, store).observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    clock.advance(100)
    assert error_s(make(clock, store), clock) < 0.01


def test_an_anchor_is_written_only_when_it_moves(clock, store):
    timeline = make(clock, store)
    for _ in range(1000):
        clock.advance(30)
        timeline.observe_server(clock.true_now(), clock.uptime_s - 0.02, clock.uptime_s + 0.01)
    assert store.writes == 1


@pytest.mark.parametrize("step_s", [-86_400, -2.5, 3, 3600])
def test_a_step_of_the_wall_clock_is_told_with_its_span(clock, store, step_s):
    timeline = make(clock, store)
    clock.advance(30)
    before = clock.uptime_s
    assert timeline.look_at_wall_clock() is None
    clock.advance(30)
    clock.offset += timedelta(seconds=step_s)
    assert timeline.look_at_wall_clock() == (before, before + 30)
    clock.advance(30)
    assert timeline.look_at_wall_clock() is None


def test_steering_of_the_wall_clock_is_no_step(clock, store):
    timeline = make(clock, store)
    for _ in range(100):
        clock.advance(5)
        clock.offset += timedelta(seconds=0.0025)
        assert timeline.look_at_wall_clock() is None


@given(
    st.lists(
        st.tuples(
            st.floats(0, 2), st.floats(0, 2), st.floats(1, 86_400), st.timedeltas(timedelta(days=-9), timedelta(days=9))
        ),
        min_size=1,
        max_size=20,
    )
)
def test_whatever_the_delays_the_error_stays_below_the_worst_of_them(exchanges):
    """`there` and `back` are the two ways' delays; the server's clock is true, the wall clock is anything."""
    clock, worst = TurnedClock(), 0.0
    timeline = make(clock, Kept())
    for there, back, pause, offset in exchanges:
        clock.offset = offset
        sent_s = clock.uptime_s
        clock.advance(there)
        said = clock.true_now()
        clock.advance(back)
        timeline.observe_server(said, sent_s, clock.uptime_s)
        worst = max(worst, (there + back) / 2)
        assert error_s(timeline, clock) <= worst + 1e-3
        timeline.look_at_wall_clock()
        clock.advance(pause)


def test_1970_is_a_time_like_any_other(store):
    clock = TurnedClock()
    clock.offset = datetime(1970, 1, 1, tzinfo=UTC) - clock.true_now()
    timeline = make(clock, store)
    timeline.look_at_wall_clock()
    timeline.observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    assert error_s(timeline, clock) < 0.01


def test_a_proxys_date_does_not_unsettle_what_the_server_said(clock, store):
    timeline = make(clock, store)
    timeline.observe_server(clock.true_now(), clock.uptime_s - 0.1, clock.uptime_s)
    for _ in range(10):
        clock.advance(30)
        skewed = clock.true_now() + timedelta(seconds=40)
        timeline.observe_date(f"{skewed:%a, %d %b %Y %H:%M:%S} GMT", clock.uptime_s, clock.uptime_s)
    assert error_s(timeline, clock) < 0.1


def test_a_server_whose_clock_was_put_right_is_followed(clock, store):
    timeline = make(clock, store)
    timeline.observe_server(clock.true_now() - timedelta(hours=1), clock.uptime_s, clock.uptime_s)
    clock.advance(30)
    timeline.observe_server(clock.true_now(), clock.uptime_s - 0.2, clock.uptime_s)
    assert error_s(timeline, clock) < 0.2
