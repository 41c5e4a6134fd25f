"""What devices are told to run, and what becomes of a rollout's devices by their heartbeats."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from stressvision_contracts.fleet import DesiredModel, Heartbeat
from stressvision_store import devices
from stressvision_store.model_tables import ModelVersion
from stressvision_store.rollout_tables import UNDER_WAY, Rollout, RolloutDevice, TargetState
from stressvision_store.rollouts.decisions import move_device
from stressvision_store.rollouts.plans import Deadlines, Plan

FORWARD = ("canary", "expanding", "paused")
BACKWARD = ("halted", "rolling_back")


@dataclass(frozen=True, slots=True)
class Course:
    """The rollout that a device is told of: the live one, else the last whose model the fleet runs."""

    rollout_id: int
    state: str
    stage: int
    plan: Plan
    version: str
    digest: str
    previous_version: str | None
    previous_digest: str | None

    @property
    def joins(self) -> bool:
        """Whether a device that is not in it comes in by itself."""
        return self.state in ("expanding", "complete")


@cache
def _course() -> Select[Any]:
    """Built once: that costs more than the answer, and every heartbeat asks."""
    model, previous = aliased(ModelVersion), aliased(ModelVersion)
    return (
        select(
            col(Rollout.id).label("rollout_id"),
            col(Rollout.state),
            col(Rollout.stage),
            col(Rollout.plan),
            col(Rollout.version),
            col(model.digest),
            col(Rollout.previous_version),
            col(previous.digest).label("previous_digest"),
        )
        .join(model, col(model.version) == col(Rollout.version))
        .outerjoin(previous, col(previous.version) == col(Rollout.previous_version))
        .where(col(Rollout.live) | ((col(Rollout.state) == "complete") & col(model.desired)))
        .order_by(col(Rollout.live).desc(), col(Rollout.id).desc())
        .limit(1)
    )


def find_course(session: Session) -> Course | None:
    row = session.execute(_course()).first()
    if row is None:
        return None
    return Course(**{**row._mapping, "plan": Plan.model_validate(row.plan)})


def desired_model(session: Session, device_id: int) -> DesiredModel | None:
    """What the device should run: the live rollout's model once its stage is reached, or the one before while that
    rollout goes back; else what the whole fleet should run.
    """
    course = find_course(session)
    target = session.get(RolloutDevice, (course.rollout_id, device_id)) if course is not None else None
    if course is None or target is None or target.state == "waiting":
        return devices.desired_model(session)
    if course.state in FORWARD:
        return DesiredModel(version=course.version, digest=course.digest)
    if course.state in BACKWARD and course.previous_version is not None and course.previous_digest is not None:
        return DesiredModel(version=course.previous_version, digest=course.previous_digest)
    return devices.desired_model(session)


def record_report(session: Session, device_id: int, heartbeat: Heartbeat, at: datetime) -> None:
    """Move the device within the rollout by what it says; let it join when it is new to it and may."""
    course = find_course(session)
    if course is None:
        return
    key = (course.rollout_id, device_id)
    target = session.get(RolloutDevice, key)
    if target is None:
        target = _join(session, course, device_id, at) if course.joins else None
    follow = _come_back if course.state in BACKWARD else _go_on
    if target is None or not follow(target, course, heartbeat, at):
        return
    with session.no_autoflush:  # most heartbeats change nothing and lock nothing; this one must see what it changes
        session.refresh(target, with_for_update={"key_share": True})
    follow(target, course, heartbeat, at)
    session.flush()


def _join(session: Session, course: Course, device_id: int, at: datetime) -> RolloutDevice | None:
    """A device that came late belongs to the last stage."""
    offered = course.state == "complete" or course.stage >= course.plan.last_stage
    deadline_at = at + timedelta(seconds=course.plan.deadlines.offered_s)
    session.execute(
        insert(RolloutDevice)
        .values(
            rollout_id=course.rollout_id,
            device_id=device_id,
            stage=course.plan.last_stage,
            state="offered" if offered else "waiting",
            offered_at=at if offered else None,
            state_at=at,
            deadline_at=deadline_at if offered else None,
        )
        .on_conflict_do_nothing()
    )
    return session.get(RolloutDevice, (course.rollout_id, device_id))


def _go_on(target: RolloutDevice, course: Course, heartbeat: Heartbeat, at: datetime) -> bool:
    """Whether anything changes."""
    said = heartbeat.update if heartbeat.update is not None and heartbeat.update.version == course.version else None
    runs_it = None if heartbeat.model_digest is None else heartbeat.model_digest == course.digest
    state = cast("TargetState", target.state)
    reached = move_device(state, said.state if said is not None else None, runs_it=runs_it)
    if reached is not None:
        reason = said.reason if said is not None else None
        if state == "confirmed" and reached == "offered":
            reason = f"it was confirmed, and runs {heartbeat.model_version or 'another model'} now"
        move(target, reached, at, reason=reason, deadlines=course.plan.deadlines)
    elif state == "installed" and runs_it:
        target.deadline_at = at + timedelta(seconds=course.plan.deadlines.installed_s)
    else:
        return False
    return True


def _come_back(target: RolloutDevice, course: Course, heartbeat: Heartbeat, at: datetime) -> bool:
    """Whether anything changes."""
    is_back = heartbeat.model_digest is not None and heartbeat.model_digest == course.previous_digest
    if not is_back or target.state in ("waiting", "rejected", "reverted"):
        return False
    move(target, "reverted", at, reason="the rollout went back", deadlines=course.plan.deadlines)
    return True


def move(target: RolloutDevice, state: TargetState, at: datetime, *, reason: str | None, deadlines: Deadlines) -> None:
    """Each state under way has a deadline of its own; the others have none."""
    target.state, target.state_at, target.reason = state, at, reason
    target.deadline_at = at + timedelta(seconds=span_of(state, deadlines)) if state in UNDER_WAY else None
    if state == "offered":
        target.offered_at = target.offered_at or at


def span_of(state: TargetState, deadlines: Deadlines) -> float:
    span: float = getattr(deadlines, f"{state}_s")
    return span
