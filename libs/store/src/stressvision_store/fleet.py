"""The devices, as operators see and steer them: where they stand, whether they may speak, what they last said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from stressvision_store.changes import attribution_changed
from stressvision_store.consents import refuse_future
from stressvision_store.fleet_states import FleetState, state_of_device
from stressvision_store.paging import one, take
from stressvision_store.placements import hold_station
from stressvision_store.refusals import ConflictError
from stressvision_store.tables import DeadLetter, Device, DeviceAccount, DeviceState
from stressvision_store.workforce_tables import Area, Placement, Site, Station


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a device stands now."""

    station_id: int
    station: str
    area: str
    site: str
    placed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetEntry:
    """A device with what is known of it; before its first heartbeat and its first event that is little."""

    device: Device
    condition: FleetState
    state: DeviceState | None
    account: DeviceAccount | None
    place: Place | None


def list_devices(
    session: Session,
    *,
    site_id: int | None = None,
    condition: FleetState | None = None,
    after: int | None,
    limit: int,
) -> Sequence[FleetEntry]:
    statement = select(Device).outerjoin(DeviceState, col(DeviceState.device_id) == col(Device.id))
    if condition is not None:
        statement = statement.where(state_of_device() == condition)
    if site_id is not None:
        standing = (
            select(Placement.device_id)
            .join(Station, col(Station.id) == col(Placement.station_id))
            .join(Area, col(Area.id) == col(Station.area_id))
            .where(col(Area.site_id) == site_id, col(Placement.removed_at).is_(None))
        )
        statement = statement.where(col(Device.id).in_(standing))
    return _entries(session, take(session, statement, key=col(Device.id), after=after, limit=limit))


def get_device(session: Session, device_id: int) -> FleetEntry:
    return _entries(session, [one(session, Device, device_id, "device")])[0]


def set_paused(session: Session, device_id: int, *, paused: bool) -> None:
    """The device learns it with its next heartbeat."""
    device = one(session, Device, device_id, "device", lock=True)
    _refuse_revoked(device)
    device.paused = paused
    session.flush()


def rename_device(session: Session, device_id: int, *, name: str | None) -> None:
    """`name` is shown in the place of the hostname; None: the hostname again. Raise `ConflictError` if it is taken."""
    device = one(session, Device, device_id, "device", lock=True)
    _refuse_revoked(device)
    taken = select(Device.id).where(
        col(Device.name) == name, col(Device.revoked_at).is_(None), col(Device.id) != device_id
    )
    other = session.exec(taken).first()
    if other is not None:
        raise ConflictError(f"device {other} is called {name!r}; choose another name", field="name")
    device.name = name
    session.flush()


def clear_alarm(session: Session, device_id: int) -> None:
    """Forget that the key was seen in use twice. If it still is, the alarm comes back within two heartbeats."""
    device = one(session, Device, device_id, "device", lock=True)
    device.cloned_at = None
    session.flush()


def revoke_device(session: Session, device_id: int) -> None:
    """From now on every request of it is refused; it must enrol anew. Its station is free for another."""
    device = one(session, Device, device_id, "device", lock=True)
    if device.revoked_at is None:
        device.revoked_at = datetime.now(UTC)
        standing = _standing(session, device_id)
        if standing is not None:
            standing.removed_at = max(device.revoked_at, standing.placed_at)
        session.flush()


def move_device(session: Session, device_id: int, *, station_id: int | None, at: datetime) -> None:
    """From `at` on the device stands at that station, or nowhere. What it saw since is attributed anew.

    A station has one device at a time, or the same person would be counted twice. Naming the station where it
    stands, with an earlier `at`, says that it stood there since then.
    """
    refuse_future(at, "at")
    device = one(session, Device, device_id, "device", lock=True)
    _refuse_revoked(device)
    if station_id is not None:
        hold_station(session, station_id)
        one(session, Station, station_id, "station", lock=True)
    standing = _standing(session, device_id)
    stays = standing is not None and standing.station_id == station_id
    if standing is not None and stays and standing.placed_at <= at:
        return
    if standing is not None and not stays and standing.placed_at >= at:
        raise ConflictError(_clash_text(standing, device_id), field="at")
    other = _clash(session, device_id=device_id, station_id=station_id, at=at, standing=standing)
    if other is not None:
        raise ConflictError(_clash_text(other, device_id), field="at" if other.device_id == device_id else "station_id")
    if standing is not None and stays:
        standing.placed_at = at
    else:
        if standing is not None:
            standing.removed_at = at
        if station_id is not None:
            session.add(Placement(device_id=device_id, station_id=station_id, placed_at=at))
    attribution_changed(session, device_id=device_id, since=at)


def list_dead_letters(
    session: Session,
    *,
    device_id: int | None = None,
    reason: str | None = None,
    after: int | None,
    limit: int,
) -> Sequence[DeadLetter]:
    """Newest first."""
    statement = select(DeadLetter)
    if device_id is not None:
        statement = statement.where(col(DeadLetter.device_id) == device_id)
    if reason is not None:
        statement = statement.where(col(DeadLetter.reason) == reason)
    return take(session, statement, key=col(DeadLetter.id), after=after, limit=limit, newest_first=True)


def _refuse_revoked(device: Device) -> None:
    if device.revoked_at is not None:
        raise ConflictError(f"device {device.id} was revoked on {device.revoked_at.isoformat()}; enrol it anew")


def _standing(session: Session, device_id: int) -> Placement | None:
    return session.exec(
        select(Placement)
        .where(col(Placement.device_id) == device_id, col(Placement.removed_at).is_(None))
        .with_for_update()  # another device may be taking its station
    ).first()


def _clash(
    session: Session, *, device_id: int, station_id: int | None, at: datetime, standing: Placement | None
) -> Placement | None:
    """Another placement of the device or the station that reaches beyond `at`."""
    mine = col(Placement.device_id) == device_id
    there = mine if station_id is None else or_(mine, col(Placement.station_id) == station_id)
    reaches = or_(col(Placement.removed_at).is_(None), col(Placement.removed_at) > at)
    statement = select(Placement).where(there, reaches)
    if standing is not None:
        statement = statement.where(col(Placement.id) != standing.id)
    return session.exec(statement.order_by(col(Placement.id))).first()


def _clash_text(other: Placement, device_id: int) -> str:
    since = other.placed_at.isoformat()
    if other.device_id == device_id:
        return f"device {device_id} was placed at station {other.station_id} on {since}; move it after that"
    until = f"until {other.removed_at.isoformat()}" if other.removed_at is not None else "and still is"
    return f"device {other.device_id} was placed at that station on {since} {until}; move that one first"


def _entries(session: Session, devices: Sequence[Device]) -> list[FleetEntry]:
    ids = [device.id for device in devices]
    states = session.exec(select(DeviceState).where(col(DeviceState.device_id).in_(ids))).all()
    accounts = session.exec(select(DeviceAccount).where(col(DeviceAccount.device_id).in_(ids))).all()
    places = session.exec(
        select(Placement, Station, Area, Site)
        .join(Station, col(Station.id) == col(Placement.station_id))
        .join(Area, col(Area.id) == col(Station.area_id))
        .join(Site, col(Site.id) == col(Area.site_id))
        .where(col(Placement.device_id).in_(ids), col(Placement.removed_at).is_(None))
    ).all()
    conditions: dict[int, FleetState] = {
        row.id: row.condition
        for row in session.execute(
            sql_select(col(Device.id), state_of_device().label("condition"))
            .outerjoin(DeviceState, col(DeviceState.device_id) == col(Device.id))
            .where(col(Device.id).in_(ids))
        )
    }
    state_of = {state.device_id: state for state in states}
    account_of = {account.device_id: account for account in accounts}
    place_of = {
        placement.device_id: Place(
            station_id=placement.station_id,
            station=station.name,
            area=area.name,
            site=site.name,
            placed_at=placement.placed_at,
        )
        for placement, station, area, site in places
    }
    return [
        FleetEntry(
            device=device,
            condition=conditions[device.id or 0],
            state=state_of.get(device.id or 0),
            account=account_of.get(device.id or 0),
            place=place_of.get(device.id or 0),
        )
        for device in devices
    ]
