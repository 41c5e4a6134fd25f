"""What travels about devices."""

from datetime import datetime
from typing import Any, Literal

from stressvision_control.fields import Body, Id, Moment, Name, View
from stressvision_store.fleet import FleetEntry
from stressvision_store.fleet_states import FleetState

OF_THE_KEY = ("key_changed_at", "key_rotation_asked_at", "cloned_at")
OF_THE_STATE = ("heartbeat_at", "model_version", "model_digest", "spooled", "spool_age_s", "clock_offset_s")
OF_THE_REPORT = ("clock_synchronised", "temperature_c", "throttled", "coverage")

DeviceStanding = Literal["active", "paused", "revoked"]


class Naming(Body):
    """`name` null: the hostname again."""

    name: Name | None


class Asked(View):
    devices: int


class FleetSummaryView(View):
    """Counts of devices. Revoked ones count in `states` alone; a version nobody told is called `unknown`."""

    devices: int
    states: dict[FleetState, int]
    agent_versions: dict[str, int]
    model_versions: dict[str, int]
    cloned: int
    throttled: int


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
    """`name` is the operator's, else null. `state`: as a list shows it, the gravest first; `standing`: what we let it.

    `cloned_at`: since when its key is known to be in use twice. From `heartbeat_at` on: as of the last heartbeat.
    """

    id: int
    name: str | None
    state: FleetState
    hostname: str
    hardware: str
    agent_version: str
    enrolled_at: datetime
    revoked_at: datetime | None
    standing: DeviceStanding
    place: PlaceView | None
    key_changed_at: datetime
    key_rotation_asked_at: datetime | None
    cloned_at: datetime | None
    heartbeat_at: datetime | None
    model_version: str | None
    model_digest: str | None
    spooled: int | None
    spool_age_s: float | None
    clock_offset_s: float | None
    clock_synchronised: bool | None
    temperature_c: float | None
    throttled: bool | None
    coverage: float | None


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
    report = state.report if state is not None else {}
    return {
        "id": device.id,
        "name": device.name,
        "state": entry.condition,
        "hostname": device.hostname,
        "hardware": device.hardware,
        "agent_version": state.agent_version if state is not None else device.agent_version,
        "enrolled_at": device.enrolled_at,
        "revoked_at": device.revoked_at,
        "standing": standing,
        "place": PlaceView.model_validate(entry.place) if entry.place is not None else None,
        **{name: getattr(device, name) for name in OF_THE_KEY},
        **{name: getattr(state, name, None) for name in OF_THE_STATE},
        **{name: report.get(name) for name in OF_THE_REPORT},
    }
