"""A rollout goes on by itself: one step looks at what is known, and writes what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import func, update
from sqlmodel import Session, col, select

from stressvision_store import audit, model_versions
from stressvision_store.refusals import RefusedError
from stressvision_store.rollout_tables import (
    CAUSES,
    LIVE,
    OVER,
    UNDER_WAY,
    Cause,
    Rollout,
    RolloutDevice,
    RolloutState,
    TargetState,
)
from stressvision_store.rollouts.decisions import Decision, Situation, decide
from stressvision_store.rollouts.observations import compare, count_never_told, count_sick
from stressvision_store.rollouts.plans import Deadlines, Plan
from stressvision_store.rollouts.reports import FORWARD
from stressvision_store.tables import Device

ACTOR: Final = "worker"
_SPANS: Final[Mapping[str, str]] = {
    "draft": "start_s", "approved": "start_s", "canary": "stage_s", "expanding": "stage_s", "paused": "pause_s",
    "halted": "roll_back_s", "rolling_back": "roll_back_s",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Move:
    """What a step did to a rollout; `cause` and `reason` are why it was last held or halted."""

    rollout_id: int
    before: RolloutState
    after: RolloutState
    cause: Cause | None
    reason: str | None


def step(session: Session, now: datetime) -> list[Move]:
    """Take every rollout that is not over, and that no other step holds, one step on. Safe to repeat at any time."""
    open_ones = (
        select(Rollout)
        .where(col(Rollout.state).not_in(OVER))
        .order_by(col(Rollout.id))
        .with_for_update(skip_locked=True, key_share=True)
    )
    moves = [_step(session, rollout, now) for rollout in session.exec(open_ones).all()]
    _lose_latecomers(session, now)
    return [move for move in moves if move is not None]


def _step(session: Session, rollout: Rollout, now: datetime) -> Move | None:
    plan = Plan.model_validate(rollout.plan)
    if rollout.state in ("canary", "expanding"):
        offer(session, rollout, plan.deadlines, now)
    if rollout.state in FORWARD:
        _lose_overdue(session, rollout, now)
    decision = decide(plan, _situation(session, rollout, plan, now), now)
    return _follow(session, rollout, plan, decision, now) if decision is not None else None


def offer(session: Session, rollout: Rollout, deadlines: Deadlines, now: datetime) -> None:
    """Offer the model to every device whose stage is reached and that still waits."""
    session.execute(
        update(RolloutDevice)
        .where(
            col(RolloutDevice.rollout_id) == rollout.id,
            col(RolloutDevice.stage) <= rollout.stage,
            col(RolloutDevice.state) == "waiting",
        )
        .values(state="offered", state_at=now, offered_at=now, deadline_at=now + timedelta(seconds=deadlines.offered_s))
    )


def _lose_overdue(session: Session, rollout: Rollout, now: datetime) -> None:
    """Also devices that were revoked meanwhile: nothing more is heard of them."""
    revoked = select(Device.id).where(col(Device.revoked_at).is_not(None))
    session.execute(
        update(RolloutDevice)
        .where(
            col(RolloutDevice.rollout_id) == rollout.id,
            col(RolloutDevice.state).in_(UNDER_WAY),
            col(RolloutDevice.device_id).in_(revoked),
        )
        .values(state="lost", state_at=now, deadline_at=None, reason="it was revoked")
    )
    session.execute(
        update(RolloutDevice)
        .where(col(RolloutDevice.rollout_id) == rollout.id, *_overdue(now))
        .values(state="lost", state_at=now, deadline_at=None, reason=_stuck())
    )


def _give_up_rest(session: Session, rollout: Rollout, now: datetime) -> None:
    """Whatever has not said that it is back is lost; it is told the model before whenever it returns."""
    session.execute(
        update(RolloutDevice)
        .where(
            col(RolloutDevice.rollout_id) == rollout.id, col(RolloutDevice.state).in_((*UNDER_WAY, "confirmed", "lost"))
        )
        .values(state="lost", state_at=now, deadline_at=None, reason="it has not said that it is back")
    )


def _lose_latecomers(session: Session, now: datetime) -> None:
    """Of rollouts that are complete, the devices that were still under way have deadlines, too."""
    complete = select(Rollout.id).where(col(Rollout.state) == "complete")
    session.execute(
        update(RolloutDevice)
        .where(col(RolloutDevice.rollout_id).in_(complete), *_overdue(now))
        .values(state="lost", state_at=now, deadline_at=None, reason=_stuck())
    )


def _overdue(now: datetime) -> tuple[Any, ...]:
    return col(RolloutDevice.state).in_(UNDER_WAY), col(RolloutDevice.deadline_at) <= now


def _stuck() -> Any:
    return func.concat("it was ", col(RolloutDevice.state), " and came no further in time")


def _situation(session: Session, rollout: Rollout, plan: Plan, now: datetime) -> Situation:
    targets = (
        select(col(RolloutDevice.state), func.count())
        .where(
            col(RolloutDevice.rollout_id) == rollout.id,
            col(RolloutDevice.stage) <= rollout.stage,
            col(RolloutDevice.state) != "waiting",
        )
        .group_by(col(RolloutDevice.state))
    )
    situation = Situation(
        state=cast("RolloutState", rollout.state),
        stage=rollout.stage,
        last_stage=plan.last_stage,
        deadline_at=rollout.deadline_at,
        counts={cast("TargetState", state): number for state, number in session.exec(targets)},
    )
    if rollout.state not in FORWARD:
        return situation
    slow, faulty = count_sick(session, rollout, plan.limits)
    return replace(
        situation,
        never_told=count_never_told(session, rollout),
        confirmed_at=_confirmed_at(session, rollout),
        slow=slow,
        faulty=faulty,
        comparison=compare(session, rollout, plan, now),
        waived=rollout.waived_stage == rollout.stage,
    )


def _confirmed_at(session: Session, rollout: Rollout) -> Sequence[datetime]:
    confirmed = (
        select(RolloutDevice.state_at)
        .where(col(RolloutDevice.rollout_id) == rollout.id, col(RolloutDevice.state) == "confirmed")
        .order_by(col(RolloutDevice.state_at))
    )
    return session.exec(confirmed).all()


def _follow(session: Session, rollout: Rollout, plan: Plan, decision: Decision, now: datetime) -> Move | None:
    before = cast("RolloutState", rollout.state)
    if decision.state == "complete":
        try:
            model_versions.desire_model(session, rollout.version)
        except RefusedError as error:  # it was retired meanwhile
            decision = Decision("halted", "failed", str(error))
    enter(rollout, plan, decision, now)
    session.flush()
    if decision.state == "rolled_back":
        _give_up_rest(session, rollout, now)
    if decision.next_stage:
        offer(session, rollout, plan.deadlines, now)
    audit.append(
        session, actor=ACTOR, action=f"rollout.{decision.state}", subject=f"rollout {rollout.id}",
        stage=rollout.stage, cause=decision.cause, reason=decision.reason,
    )  # fmt: skip
    return Move(rollout.id or 0, before, decision.state, cast("Cause | None", rollout.cause), rollout.reason)


def enter(rollout: Rollout, plan: Plan, decision: Decision, now: datetime) -> None:
    """Write the state that comes next, with its deadline."""
    before = rollout.state
    if decision.next_stage:
        rollout.stage += 1
        rollout.stage_at = now
        rollout.comparison, rollout.compared_at = None, None
    rollout.resume_to = before if decision.state == "paused" else None
    rollout.state, rollout.state_at = decision.state, now
    rollout.live = rollout.started_at is not None and decision.state in LIVE
    span = _SPANS.get(decision.state)
    rollout.deadline_at = now + timedelta(seconds=getattr(plan.deadlines, span)) if span is not None else None
    if decision.cause is not None or decision.reason is not None:
        rollout.cause = decision.cause or rollout.cause
        rollout.reason = decision.reason if rollout.reason is None or decision.cause else _both(rollout, decision)
    assert rollout.cause is None or rollout.cause in CAUSES


def _both(rollout: Rollout, decision: Decision) -> str:
    """Why it went back, and how that ended."""
    return f"{rollout.reason}; {decision.reason}"
