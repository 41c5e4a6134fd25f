"""What a step decides, over made-up situations: nothing passes that should not, and whatever is stuck has an end."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stressvision_store.rollout_tables import TARGET_STATES
from stressvision_store.rollouts.comparison import Comparison, Seen
from stressvision_store.rollouts.decisions import Decision, Situation, decide, enough_confirmed_at, move_device
from stressvision_store.rollouts.plans import Plan

NOW = datetime(2026, 5, 1, tzinfo=UTC)
PLAN = Plan(canary_share=0.1, soak_s=600)
GONE_ON = ("expanding", "complete")

SEEN = st.builds(
    lambda captured, share, neutral, happy: Seen(
        captured_s=captured, observed_s=captured * share, seconds={"neutral": neutral, "happy": happy}
    ),
    st.sampled_from([0, 60, 7200]), st.sampled_from([0.0, 0.5, 0.95]), st.integers(0, 100), st.integers(0, 100),
)  # fmt: skip


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    counts = draw(
        st.dictionaries(st.sampled_from([each for each in TARGET_STATES if each != "waiting"]), st.integers(0, 30))
    )
    ages = draw(st.lists(st.integers(0, 2000), min_size=30, max_size=30))
    confirmed = sorted(NOW - timedelta(seconds=age) for age in ages)[: counts.get("confirmed", 0)]
    offered = sum(counts.values())
    return Situation(
        state=draw(st.sampled_from(["canary", "expanding", "paused"])),
        stage=draw(st.integers(0, 2)),
        last_stage=2,
        deadline_at=NOW + timedelta(seconds=draw(st.sampled_from([-1, 0, 3600]))),
        counts=counts,
        never_told=draw(st.integers(0, counts.get("lost", 0))),
        confirmed_at=confirmed,
        slow=draw(st.integers(0, offered)) // 8,
        faulty=draw(st.integers(0, offered)) // 8,
        comparison=draw(st.none() | st.builds(Comparison, SEEN, SEEN)),
        waived=draw(st.booleans()),
    )


def harm(it: Situation) -> bool:
    limits, offered = PLAN.limits, it.offered
    shares = ((it.count("rejected", "reverted"), limits.failed), (it.count("lost") - it.never_told, limits.lost),
              (it.slow, limits.sick), (it.faulty, limits.sick))  # fmt: skip
    differs = it.comparison is not None and it.comparison.fault(limits) is not None
    return offered > 0 and (differs or any(number > limit * offered for number, limit in shares))


@given(it=situations())
def test_nothing_goes_on_that_should_not(it: Situation) -> None:
    decision = decide(PLAN, it, NOW) or Decision(it.state)
    if harm(it):
        assert decision.state == "halted"
        assert decision.cause is not None
        return
    assert decision.state != "halted" or it.state == "paused"
    if decision.state in GONE_ON and decision != Decision(it.state):
        since = enough_confirmed_at(PLAN, it)
        assert since is not None
        assert since + timedelta(seconds=PLAN.soak_s) <= NOW
        assert it.waived or it.comparison is None or it.comparison.missing(PLAN.limits) is None
        assert (decision.state == "complete") == (it.stage == it.last_stage)


@given(it=situations())
def test_who_waits_for_devices_or_data_past_the_deadline_is_held_or_stopped(it: Situation) -> None:
    overdue = it.deadline_at is not None and it.deadline_at <= NOW
    if not overdue:
        return
    decision = decide(PLAN, it, NOW)
    soaking = enough_confirmed_at(PLAN, it) is not None and (
        it.waived or it.comparison is None or it.comparison.missing(PLAN.limits) is None
    )
    assert decision is not None or (soaking and it.state != "paused")


@pytest.mark.parametrize("state", ["complete", "rolled_back"])
def test_what_is_over_stays_over(state: str) -> None:
    assert decide(PLAN, Situation(state=state, stage=0, last_stage=2, deadline_at=None, counts={}), NOW) is None


@given(
    state=st.sampled_from(TARGET_STATES),
    said=st.sampled_from(["downloaded", "verified", "installed", "confirmed", "rejected", "reverted", None]),
    runs_it=st.sampled_from([True, False, None]),
)
def test_a_report_moves_a_device_forward_or_out_and_confirms_only_what_runs(state, said, runs_it) -> None:
    reached = move_device(state, said, runs_it=runs_it)
    if reached is None:
        assert not (state == "confirmed" and runs_it is False)
        return
    assert reached != state
    assert state not in ("waiting", "reverted")
    assert reached not in ("waiting", "lost")
    assert reached != "confirmed" or runs_it
    if said in ("rejected", "reverted"):
        assert reached == said
    assert move_device(reached, said, runs_it=runs_it) is None or reached == "offered", "the same again is no news"
