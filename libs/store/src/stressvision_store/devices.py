"""How a device joins, what the platform knows of it, and what it last said of itself."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final, cast

import msgspec
from sqlalchemy import Row, Select, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlmodel import Session, col

from stressvision_contracts.fleet import DesiredModel, EnrolmentRequest, Heartbeat
from stressvision_contracts.labels import SiteProfile
from stressvision_store.boots import note_boot
from stressvision_store.keys import holder_of
from stressvision_store.model_tables import ModelVersion
from stressvision_store.paging import one
from stressvision_store.placements import take_station
from stressvision_store.refusals import ConflictError, NotFoundError, RefusedError
from stressvision_store.tables import Device, DeviceState, EnrolmentCode
from stressvision_store.workforce_tables import Area, Placement, Site, Station

UNPLACED_PROFILE: Final[SiteProfile] = "safety"
"""What holds for a device that stands at no station: the profile that a site is born with."""


class ExpiredError(RefusedError):
    """An enrolment code came too late."""


class RevokedError(RefusedError):
    """A device with this key was shut out."""


@dataclass(frozen=True, slots=True)
class DeviceStanding:
    """What the intake must know of a device: who it is, whether it may speak, and what may exist of it."""

    public_key: bytes
    revoked: bool
    paused: bool
    profile: SiteProfile
    previous_key: bytes | None = None


@dataclass(frozen=True, slots=True)
class Roster:
    """All devices and all registered model versions, as of one moment."""

    devices: dict[int, DeviceStanding]
    models: frozenset[str]


@cache
def _standings() -> Select[Any]:
    """Built once: that costs as much as the answer."""
    placed = (
        select(col(Placement.device_id), col(Site.profile))
        .ext(distinct_on(col(Placement.device_id)))
        .join(Station, col(Station.id) == col(Placement.station_id))
        .join(Area, col(Area.id) == col(Station.area_id))
        .join(Site, col(Site.id) == col(Area.site_id))
        .where(
            col(Placement.placed_at) <= func.now(),
            col(Placement.removed_at).is_(None) | (col(Placement.removed_at) > func.now()),
        )
        .order_by(col(Placement.device_id), col(Placement.placed_at).desc(), col(Placement.id).desc())
        .subquery()
    )
    return select(
        col(Device.id),
        col(Device.public_key),
        col(Device.previous_key),
        col(Device.revoked_at),
        col(Device.paused),
        placed.c.profile,
    ).outerjoin(placed, placed.c.device_id == col(Device.id))


def _standing(row: Row[Any]) -> DeviceStanding:
    profile: SiteProfile = row.profile or UNPLACED_PROFILE
    previous = bytes(row.previous_key) if row.previous_key is not None else None
    return DeviceStanding(bytes(row.public_key), row.revoked_at is not None, row.paused, profile, previous)


def load_roster(session: Session) -> Roster:
    devices = {row.id: _standing(row) for row in session.execute(_standings())}
    return Roster(devices, frozenset(session.execute(select(col(ModelVersion.version))).scalars()))


def load_standing(session: Session, device_id: int) -> DeviceStanding:
    """As `load_roster`, of one device, as of now. Raise `NotFoundError` when there is none."""
    row = session.execute(_standings().where(col(Device.id) == device_id)).first()
    if row is None:
        raise NotFoundError(f"there is no device {device_id}")
    return _standing(row)


def desired_model(session: Session) -> DesiredModel | None:
    """The model that the fleet should run."""
    newest = (
        select(ModelVersion).where(col(ModelVersion.desired)).order_by(col(ModelVersion.registered_at).desc()).limit(1)
    )
    model = session.execute(newest).scalar_one_or_none()
    return DesiredModel(version=model.version, digest=model.digest) if model is not None else None


def _claim_code(session: Session, code_hash: bytes) -> EnrolmentCode:
    code: EnrolmentCode | None = session.execute(
        select(EnrolmentCode).where(col(EnrolmentCode.code_hash) == code_hash).with_for_update()
    ).scalar_one_or_none()
    if code is None:
        raise NotFoundError("this enrolment code does not exist; ask for a new one")
    return code


def enrol(session: Session, *, code_hash: bytes, public_key: bytes, request: EnrolmentRequest) -> int:
    """Let the holder of a code join; return the device's id. The same key with the same code gets the same id again.

    A known key with a fresh code keeps its id and moves to the code's station. Another device that stood there is
    replaced: what it saw until now keeps its place, what it sees from now on has none.

    Raise `NotFoundError` for an unknown code, `ConflictError` for one that another key used, `ExpiredError`, or
    `RevokedError` for a key that was shut out.
    """
    code = _claim_code(session, code_hash)
    device = holder_of(session, public_key)
    if device is not None and device.revoked_at is not None:
        raise RevokedError(f"device {device.id} has been revoked; make a new key to join again")
    if code.used_at is not None:
        if device is None or code.device_id != device.id:
            raise ConflictError("this enrolment code has been used by another device; ask for a new one")
        return cast("int", device.id)
    now = datetime.now(UTC)
    if code.expires_at <= now:
        raise ExpiredError(f"this enrolment code expired at {code.expires_at.isoformat()}; ask for a new one")
    device = device or Device(public_key=public_key, hostname="", hardware="", agent_version="")
    device.hostname, device.hardware, device.agent_version = request.hostname, request.hardware, request.agent_version
    session.add(device)
    session.flush()
    code.used_at, code.device_id = now, device.id
    session.add(code)
    if code.station_id is not None:
        take_station(session, device_id=cast("int", device.id), station_id=code.station_id, now=now)
    return cast("int", device.id)


def record_heartbeat(session: Session, device_id: int, heartbeat: Heartbeat, received_at: datetime) -> Device:
    """Keep what the device says of itself; return its row, locked: heartbeats of one device take their turn.

    The clock's offset (device less server) is measured where the device gives none.
    """
    device = one(session, Device, device_id, "device", lock=True)
    note_boot(session, device, heartbeat, received_at)
    offset_s = heartbeat.clock_offset_s
    if offset_s is None:
        offset_s = (heartbeat.sent_at - received_at) / timedelta(seconds=1)
    state = {
        "heartbeat_at": received_at,
        "boot_id": heartbeat.boot_id,
        "agent_version": heartbeat.agent_version,
        "model_version": heartbeat.model_version,
        "model_digest": heartbeat.model_digest,
        "next_seq": heartbeat.next_seq,
        "spooled": heartbeat.spooled,
        "spool_age_s": heartbeat.spool_age_s,
        "clock_offset_s": offset_s,
        "report": msgspec.to_builtins(heartbeat),
    }
    statement = insert(DeviceState).values(device_id=device_id, **state)
    session.execute(statement.on_conflict_do_update(index_elements=["device_id"], set_=state))
    if device.agent_version != heartbeat.agent_version:
        device.agent_version = heartbeat.agent_version
    return device
