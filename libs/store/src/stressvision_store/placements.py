"""Taking a station: one device at a time stands there, or the same person would be counted twice."""

from datetime import datetime
from typing import Final

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from stressvision_store.workforce_tables import Placement

_STATIONS: Final = 0x5357
"""Advisory locks of this class are on stations; the intake may not lock their rows."""


def hold_station(session: Session, station_id: int) -> None:
    """Let nobody else place a device there until the transaction ends. Lock the device, if any, before."""
    session.execute(select(func.pg_advisory_xact_lock(_STATIONS, station_id)))


def take_station(session: Session, *, device_id: int, station_id: int, now: datetime) -> None:
    """Let the device stand there from `now` on, instead of where it stood and of what stood there.

    All of it changes at one instant: not before the latest that is on record, should the clock of whoever wrote that
    have been ahead.
    """
    hold_station(session, station_id)
    concerned = (col(Placement.device_id) == device_id) | (col(Placement.station_id) == station_id)
    latest = session.scalar(
        select(func.max(func.greatest(col(Placement.placed_at), col(Placement.removed_at)))).where(concerned)
    )
    at = now if latest is None else max(now, latest)
    session.execute(update(Placement).where(concerned, col(Placement.removed_at).is_(None)).values(removed_at=at))
    session.add(Placement(device_id=device_id, station_id=station_id, placed_at=at))
