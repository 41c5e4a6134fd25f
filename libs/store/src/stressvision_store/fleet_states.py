"""How a device is, in one word, by the same rule in lists, counts and the dashboards' view."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, get_args

from sqlalchemy import Boolean, ColumnElement, case, cast, func, literal, or_, select
from sqlmodel import Session, col

from stressvision_store.tables import Device, DeviceState

FleetState = Literal["online", "stale", "paused", "never_seen", "cloned", "revoked"]
FLEET_STATES: Final[tuple[FleetState, ...]] = get_args(FleetState)
STALE_AFTER: Final = timedelta(minutes=5)
"""As long without a heartbeat; also in the view ops.devices."""


def state_of_device() -> ColumnElement[str]:
    """A `FleetState`, for a statement that joins `devices` with `device_states` (outer)."""
    paused = or_(col(Device.paused), cast(col(DeviceState.report)["paused"].astext, Boolean))
    return case(
        (col(Device.revoked_at).is_not(None), "revoked"),
        (col(Device.cloned_at).is_not(None), "cloned"),
        (col(DeviceState.device_id).is_(None), "never_seen"),
        (col(DeviceState.heartbeat_at) < func.now() - STALE_AFTER, "stale"),
        (paused, "paused"),
        else_=literal("online"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSummary:
    """Counts of devices. Revoked ones count in `states` alone; a version nobody told is called `unknown`."""

    devices: int
    states: dict[str, int]
    agent_versions: dict[str, int]
    model_versions: dict[str, int]
    cloned: int
    throttled: int


def summarise(session: Session) -> FleetSummary:
    rows = session.execute(
        select(
            state_of_device().label("state"),
            func.coalesce(col(DeviceState.agent_version), col(Device.agent_version)).label("agent"),
            func.coalesce(col(DeviceState.model_version), "unknown").label("model"),
            func.coalesce(cast(col(DeviceState.report)["throttled"].astext, Boolean), False).label("throttled"),
            func.count().label("devices"),
        )
        .outerjoin(DeviceState, col(DeviceState.device_id) == col(Device.id))
        .group_by("state", "agent", "model", "throttled")
    ).all()
    in_use = [row for row in rows if row.state != "revoked"]
    return FleetSummary(
        devices=sum(row.devices for row in in_use),
        states={name: sum(row.devices for row in rows if row.state == name) for name in FLEET_STATES},
        agent_versions=_counts([(row.agent, row.devices) for row in in_use]),
        model_versions=_counts([(row.model, row.devices) for row in in_use]),
        cloned=sum(row.devices for row in in_use if row.state == "cloned"),
        throttled=sum(row.devices for row in in_use if row.throttled),
    )


def _counts(pairs: list[tuple[str, int]]) -> dict[str, int]:
    """The most frequent first."""
    counts: dict[str, int] = {}
    for name, number in pairs:
        counts[name] = counts.get(name, 0) + number
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))
