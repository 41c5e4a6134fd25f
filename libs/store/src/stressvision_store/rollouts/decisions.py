"""What becomes of a rollout and of a device in it: pure functions of what is known, so that any order can be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from stressvision_contracts.fleet import UpdateState
from stressvision_store.rollout_tables import UNDER_WAY, Cause, RolloutState, TargetState
from stressvision_store.rollouts.comparison import Comparison
from stressvision_store.rollouts.plans import Plan

_WAY: Final[tuple[TargetState, ...]] = ("offered", "downloaded", "verified", "installed", "confirmed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known of a rollout. `counts` is of its targets by state, those that still wait left out.

    `never_told` are the lost ones that were silent already when they were offered the model, which says nothing of it.
    `confirmed_at` are the times at which devices confirmed, in order. `slow` and `faulty` count running devices.
    `comparison` is None where there is no control group, or none is wanted.
    """

    state: RolloutState
    stage: int
    last_stage: int
    deadline_at: datetime | None
    counts: Mapping[TargetState, int]
    never_told: int = 0
    confirmed_at: Sequence[datetime] = ()
    slow: int = 0
    faulty: int = 0
    comparison: Comparison | None = None
    waived: bool = False

    @property
    def offered(self) -> int:
        return sum(self.counts.values())

    def count(self, *states: TargetState) -> int:
        return sum(self.counts.get(state, 0) for state in states)


@dataclass(frozen=True, slots=True)
class Decision:
    """The state that comes next, why, and whether another stage begins with it."""

    state: RolloutState
    cause: Cause | None = None
    reason: str | None = None
    next_stage: bool = False


def decide(plan: Plan, now_is: Situation, now: datetime) -> Decision | None:
    """None: nothing changes yet."""
    overdue = now_is.deadline_at is not None and now >= now_is.deadline_at
    match now_is.state:
        case "draft" | "approved":
            return Decision("halted", "deadline", f"it was not started in time ({now_is.state})") if overdue else None
        case "canary" | "expanding":
            return find_fault(plan, now_is) or _go_on(plan, now_is, now, overdue=overdue)
        case "paused":
            late = Decision("halted", "deadline", "it was paused for too long") if overdue else None
            return find_fault(plan, now_is) or late
        case "halted":
            return Decision("rolling_back")
        case "rolling_back":
            return _end_roll_back(now_is, overdue=overdue)
        case _:
            return None


def find_fault(plan: Plan, now_is: Situation) -> Decision | None:
    """Why the rollout must halt, if it must."""
    limits, offered = plan.limits, now_is.offered
    if offered == 0:
        return None
    failed, lost = now_is.count("rejected", "reverted"), now_is.count("lost") - now_is.never_told
    checks: tuple[tuple[Cause, int, float, str], ...] = (
        ("failed", failed, limits.failed, "rejected the model or went back"),
        ("lost", lost, limits.lost, "were lost after they were told"),
        ("bad_outputs", now_is.faulty, limits.sick, "gave answers that are no probabilities"),
        ("slow", now_is.slow, limits.sick, f"need more than {limits.latency_s * 1000:g} ms for a face"),
    )
    for cause, devices, limit, what in checks:
        if devices > limit * offered:
            return Decision("halted", cause, f"{devices} of {offered} devices {what}")
    if now_is.comparison is None:
        return None
    fault = now_is.comparison.fault(plan.limits)
    return Decision("halted", *fault) if fault is not None else None


def _go_on(plan: Plan, now_is: Situation, now: datetime, *, overdue: bool) -> Decision | None:
    since = enough_confirmed_at(plan, now_is)
    missing = _missing(plan, now_is)
    if since is not None and missing is None and now >= since + timedelta(seconds=plan.soak_s):
        if now_is.stage >= now_is.last_stage:
            return Decision("complete")
        return Decision("expanding", next_stage=True)
    if not overdue:
        return None
    if since is None:
        confirmed = now_is.count("confirmed")
        return Decision("paused", "deadline", f"only {confirmed} of {now_is.offered} devices have confirmed the model")
    return Decision("paused", "no_data", missing) if missing is not None else None


def enough_confirmed_at(plan: Plan, now_is: Situation) -> datetime | None:
    """Since when as many devices as the plan asks for have confirmed; lost ones are not waited for."""
    needed = max(1, ceil(plan.confirmed * (now_is.offered - now_is.count("lost")) - 1e-9))
    return now_is.confirmed_at[needed - 1] if len(now_is.confirmed_at) >= needed else None


def _missing(plan: Plan, now_is: Situation) -> str | None:
    """What is not known and must be, in words. Nothing passes for want of data unless an operator says so."""
    if now_is.comparison is None or now_is.waived:
        return None
    return now_is.comparison.missing(plan.limits)


def _end_roll_back(now_is: Situation, *, overdue: bool) -> Decision | None:
    away = now_is.count(*UNDER_WAY, "confirmed", "lost")
    if away == 0:
        return Decision("rolled_back")
    return Decision("rolled_back", reason=f"{away} devices have not said that they are back") if overdue else None


def move_device(state: TargetState, said: UpdateState | None, *, runs_it: bool | None) -> TargetState | None:
    """The state that a report takes a target to, None for no change.

    `runs_it`: whether the digest it reports is the model's, None when it reports none. Whatever it says, a device is
    confirmed only while it runs the model.
    """
    if state in ("waiting", "reverted"):
        return None
    if said in ("rejected", "reverted"):
        return said if said != state else None
    if state == "confirmed":
        return "offered" if runs_it is False else None
    reached: TargetState | None = said
    if said == "confirmed" and not runs_it:
        return None
    if said is None and runs_it:
        reached = "installed"
    if reached is None or (state in _WAY and _WAY.index(reached) <= _WAY.index(state)):
        return None
    return reached
