"""Rollouts as people see them: how far each is, and each of its devices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from stressvision_store.paging import one, take
from stressvision_store.rollout_tables import Rollout, RolloutDevice, TargetState
from stressvision_store.tables import Device, DeviceState


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutEntry:
    """A rollout with its devices counted by state, in all and up to the stage it has reached."""

    rollout: Rollout
    counts: dict[str, int]
    reached: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetEntry:
    target: RolloutDevice
    name: str
    model_version: str | None
    model_digest: str | None
    heartbeat_at: datetime | None


def list_rollouts(session: Session, *, after: int | None, limit: int) -> list[RolloutEntry]:
    """Newest first."""
    rows = take(session, select(Rollout), key=col(Rollout.id), after=after, limit=limit, newest_first=True)
    return _entries(session, rows)


def get_rollout(session: Session, rollout_id: int) -> RolloutEntry:
    return _entries(session, [one(session, Rollout, rollout_id, "rollout")])[0]


def list_targets(
    session: Session, rollout_id: int, *, state: TargetState | None = None, after: int | None, limit: int
) -> list[TargetEntry]:
    one(session, Rollout, rollout_id, "rollout")
    statement = (
        select(RolloutDevice, Device, DeviceState)
        .join(Device, col(Device.id) == col(RolloutDevice.device_id))
        .outerjoin(DeviceState, col(DeviceState.device_id) == col(Device.id))
        .where(col(RolloutDevice.rollout_id) == rollout_id)
        .order_by(col(RolloutDevice.device_id))
        .limit(limit)
    )
    if state is not None:
        statement = statement.where(col(RolloutDevice.state) == state)
    if after is not None:
        statement = statement.where(col(RolloutDevice.device_id) > after)
    return [
        TargetEntry(
            target=target,
            name=device.name or device.hostname,
            model_version=said.model_version if said is not None else None,
            model_digest=said.model_digest if said is not None else None,
            heartbeat_at=said.heartbeat_at if said is not None else None,
        )
        for target, device, said in session.exec(statement).all()
    ]


def _entries(session: Session, rollouts: Sequence[Rollout]) -> list[RolloutEntry]:
    grouped = session.exec(
        select(
            RolloutDevice.rollout_id,
            RolloutDevice.state,
            func.count(),
            func.count().filter(col(RolloutDevice.stage) <= col(Rollout.stage)),
        )
        .join(Rollout, col(Rollout.id) == col(RolloutDevice.rollout_id))
        .where(col(RolloutDevice.rollout_id).in_([rollout.id for rollout in rollouts]))
        .group_by(col(RolloutDevice.rollout_id), col(RolloutDevice.state))
    ).all()
    return [
        RolloutEntry(
            rollout=rollout,
            counts={state: number for of, state, number, _ in grouped if of == rollout.id},
            reached=sum(number for of, _, _, number in grouped if of == rollout.id),
        )
        for rollout in rollouts
    ]
