"""What is made of raw events: five minutes, shifts and areas, always recomputed whole and so the same in any order.

A drain deletes marks first, takes the lock of the sites concerned, and only then reads: events that arrive meanwhile
bring marks of their own, and no drain can overwrite what a later one has read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from stressvision_store import rollup_statements as statements
from stressvision_store.locks import Lock
from stressvision_store.marks import lock_sites, sites_of

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BUCKET = timedelta(minutes=5)
RUN = timedelta(hours=6)
"""Neighbouring buckets of a device are recomputed together up to this, from whole multiples of it."""

_PATIENCE_S = 10.0
_PATIENCE_WITH_MANY_SITES_S = 0.8
"""Below Postgres' deadlock_timeout (1 s): where two waiters could block each other, the drain gives way."""

Key = tuple[int, int, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one drain did. `beyond`: buckets older than the raw events that are kept, which stand as they are.

    `erased`: events that came late for time that a person had erased, and went again.
    """

    marks: int = 0
    buckets: int = 0
    beyond: int = 0
    shifts: int = 0
    areas: int = 0
    erased: int = 0
    oldest_marked_at: datetime | None = None


def drain(session: Session, limit: int = 5_000, *, devices: Sequence[int] | None = None) -> Drained:
    """Take up to `limit` of the oldest marks (of these devices, if any are named) and bring all that depends on them up
    to date.

    Commit the transaction afterwards; when it fails, the marks are back. Raises `OperationalError` when a roster edit
    holds the site for long.
    """
    claimed = session.execute(text(statements.CLAIM), {"limit": limit, "devices": devices}).all()
    if not claimed:
        return Drained()
    sites = sites_of(session, {row.device_id for row in claimed})
    patience_s = _PATIENCE_S if len(sites) == 1 and devices is None else _PATIENCE_WITH_MANY_SITES_S
    session.execute(text(statements.PREPARE), {"patience": f"{patience_s * 1000:.0f}ms", "raw": Lock.RAW_EVENTS.value})
    lock_sites(session, sites)
    kept_from = session.scalar(text("SELECT max(kept_from) FROM raw_horizon"))
    buckets = [(row.device_id, row.bucket_at) for row in claimed if kept_from is None or row.bucket_at >= kept_from]
    erased = drop_erased(session, buckets)
    shifts, areas = recompute(session, buckets)
    return Drained(
        marks=sum(row.marks for row in claimed),
        buckets=len(buckets),
        beyond=len(claimed) - len(buckets),
        shifts=shifts,
        areas=areas,
        erased=erased,
        oldest_marked_at=min(row.marked_at for row in claimed),
    )


def marked_devices(session: Session) -> list[list[int]]:
    """The devices with marks, site by site; one that has stood at several is named with each."""
    return list(session.scalars(text(statements.MARKED)))


def runs_of(buckets: Sequence[tuple[int, datetime]]) -> list[tuple[int, datetime, datetime]]:
    """Join neighbouring buckets (device, start; sorted, each once) into (device, from, to), none across a `RUN`."""
    runs: list[tuple[int, datetime, datetime]] = []
    for device, at in buckets:
        continues = runs and runs[-1][0] == device and runs[-1][2] == at and (at - EPOCH) % RUN
        since = runs.pop()[1] if continues else at
        runs.append((device, since, at + BUCKET))
    return runs


def drop_erased(session: Session, buckets: Sequence[tuple[int, datetime]]) -> int:
    """Delete what lies in these buckets and in a tombstone (`erasure`); return how many events."""
    runs = runs_of(sorted(set(buckets)))
    if not runs:
        return 0
    devices, froms, tos = (list(column) for column in zip(*runs, strict=True))
    statement = text("SELECT drop_erased_events(:devices, :froms, :tos)")
    return int(session.scalar(statement, {"devices": devices, "froms": froms, "tos": tos}) or 0)


def recompute(session: Session, buckets: Sequence[tuple[int, datetime]]) -> tuple[int, int]:
    """Recompute these buckets (device, start) and the shifts and areas they belong or belonged to.

    Returns how many shifts and areas were looked at. The caller holds the locks of the sites.
    """
    runs = runs_of(sorted(set(buckets)))
    if not runs:
        return 0, 0
    devices, froms, tos = (list(column) for column in zip(*runs, strict=True))
    parameters = {"devices": devices, "froms": froms, "tos": tos}
    touched = session.execute(text(statements.RECOMPUTE), parameters).all()
    shifts = sorted({(row.employee_id, row.shift_id, row.shift_date) for row in touched})
    areas = sorted({(row.area_id, row.shift_id, row.shift_date) for row in touched})
    refresh_shifts(session, shifts)
    refresh_areas(session, areas)
    return len(shifts), len(areas)


def _columns(keys: Sequence[Key]) -> Mapping[str, list[Any]]:
    owners, shifts, dates = (list(column) for column in zip(*keys, strict=True))
    return {"owners": owners, "shifts": shifts, "dates": dates}


def refresh_shifts(session: Session, keys: Sequence[Key]) -> None:
    """Sum up `rollup_windows` for each (employee, shift, date); without windows there is no row."""
    if keys:
        session.execute(text(statements.SHIFTS), _columns(keys))


def refresh_areas(session: Session, keys: Sequence[Key]) -> None:
    """Sum up `rollup_windows` for each (area, shift, date); without windows there is no row."""
    if keys:
        session.execute(text(statements.AREAS), _columns(keys))


def finalise(session: Session, grace: timedelta = timedelta(minutes=30)) -> int:
    """Make final the shifts and areas that ended `grace` ago and have no mark left; return how many.

    A number that changes afterwards makes the row `revised`.
    """
    finalised = 0
    for statement in (statements.FINALISE_SHIFTS, statements.FINALISE_AREAS):
        finalised += session.execute(text(statement), {"grace": grace}).rowcount  # type: ignore[attr-defined]
    return finalised


def put_oldest_last(session: Session) -> tuple[int, datetime] | None:
    """Give the oldest mark a new place at the end of the queue, so that one that cannot be worked off blocks no other.

    It keeps its `marked_at` and so its age. Returns the device and bucket, or None without marks.
    """
    row = session.execute(text(statements.PUT_OLDEST_LAST)).first()
    return None if row is None else (row.device_id, row.bucket_at)


def erase_windows(session: Session, employee_id: int) -> int:
    """Delete the rollups of one person, those included whose raw events are gone; return the number of windows.

    What stays of the area rollups is recomputed without them. Withdraw the consent or delete the events in the same
    transaction, or the next mark brings the rows back.
    """
    devices = session.scalars(text(statements.DEVICES_OF_EMPLOYEE), {"employee_id": employee_id}).all()
    lock_sites(session, sites_of(session, devices))
    gone = session.execute(text(statements.ERASE_WINDOWS), {"employee_id": employee_id}).all()
    refresh_shifts(session, sorted({(employee_id, row.shift_id, row.shift_date) for row in gone}))
    refresh_areas(session, sorted({(row.area_id, row.shift_id, row.shift_date) for row in gone}))
    return len(gone)
