"""What travels about devices."""

from datetime import datetime
from typing import Any, Literal

from stressvision_control.fields import Body, Id, Moment, View
from stressvision_store.fleet import FleetEntry

DeviceStanding = Literal["active", "paused", "revoked"]


class Placing(Body):
    """`station_id` null: nowhere. `at`: since when; now, where it is left out."""

    station_id: Id | None
    at: Moment | None = None


class PlaceView(View):
    station_id: int
    station: str
    area: str
    site: str
    placed_at: datetime


class AccountView(View):
    """produced = stored + rejected + lost + still on the device; `duplicate` counts repeats."""

    stored: int
    duplicate: int
    rejected: int
    lost: int
    max_seq: int | None


class DeviceView(View):
    id: int
    hostname: str
    hardware: str
    agent_version: str
    enrolled_at: datetime
    revoked_at: datetime | None
    standing: DeviceStanding
    place: PlaceView | None
    heartbeat_at: datetime | None
    model_version: str | None
    spooled: int | None
    spool_age_s: float | None
    clock_offset_s: float | None


class DeviceDetail(DeviceView):
    """`report` is the last heartbeat as the device sent it; `produced` how many events it has ever made."""

    produced: int | None
    account: AccountView | None
    report: dict[str, Any] | None


def view_of(entry: FleetEntry) -> DeviceView:
    return DeviceView(**_fields(entry))


def detail_of(entry: FleetEntry) -> DeviceDetail:
    return DeviceDetail(
        **_fields(entry),
        produced=entry.state.next_seq if entry.state is not None else None,
        account=AccountView.model_validate(entry.account) if entry.account is not None else None,
        report=entry.state.report if entry.state is not None else None,
    )


def _fields(entry: FleetEntry) -> dict[str, Any]:
    device, state = entry.device, entry.state
    standing = "revoked" if device.revoked_at is not None else "paused" if device.paused else "active"
    shared = ("heartbeat_at", "model_version", "spooled", "spool_age_s", "clock_offset_s")
    return {
        "id": device.id,
        "hostname": device.hostname,
        "hardware": device.hardware,
        "agent_version": state.agent_version if state is not None else device.agent_version,
        "enrolled_at": device.enrolled_at,
        "revoked_at": device.revoked_at,
        "standing": standing,
        "place": PlaceView.model_validate(entry.place) if entry.place is not None else None,
        **{name: getattr(state, name, None) for name in shared},
    }
