"""Badges held to a station's reader. Until when one counts is worked out by the rollups, from all of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from stressvision_store.changes import attribution_changed
from stressvision_store.consents import refuse_future
from stressvision_store.paging import one, take
from stressvision_store.places import site_of_station
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import CheckIn, Employee, Station

LONGEST = timedelta(days=2)
"""A check-in ends with the shift in which it was made, and no shift is longer than a day; the rest is slack."""


def check_in(session: Session, *, employee_id: int, station_id: int, at: datetime) -> CheckIn:
    """From `at` on this person is at this station, whatever the roster says. Repeating one gives the same row."""
    refuse_future(at, "checked_in_at")
    one(session, Station, station_id, "station", lock=True)
    employee = one(session, Employee, employee_id, "employee", lock=True)
    if site_of_station(session, station_id).id != employee.site_id:
        raise InvalidError(f"{employee.pseudonym!r} is of another site than this station", field="station_id")
    repeated = session.exec(
        select(CheckIn).where(
            col(CheckIn.station_id) == station_id,
            col(CheckIn.checked_in_at) == at,
            col(CheckIn.employee_id) == employee_id,
        )
    ).first()
    if repeated is not None:
        return repeated
    row = CheckIn(employee_id=employee_id, station_id=station_id, checked_in_at=at)
    session.add(row)
    _mark(session, row, since=at)
    return row


def check_out(session: Session, check_in_id: int, *, at: datetime) -> CheckIn:
    row = one(session, CheckIn, check_in_id, "check-in", lock=True)
    refuse_future(at, "checked_out_at")
    if row.checked_out_at is not None:
        raise ConflictError(f"check-in {check_in_id} ended on {row.checked_out_at.isoformat()} already")
    if at < row.checked_in_at:
        raise InvalidError(f"it began on {row.checked_in_at.isoformat()}, after that", field="checked_out_at")
    row.checked_out_at = at
    _mark(session, row, since=at)
    return row


def list_check_ins(
    session: Session,
    *,
    employee_id: int | None = None,
    station_id: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: int | None,
    limit: int,
) -> Sequence[CheckIn]:
    statement = select(CheckIn)
    if employee_id is not None:
        statement = statement.where(col(CheckIn.employee_id) == employee_id)
    if station_id is not None:
        statement = statement.where(col(CheckIn.station_id) == station_id)
    if since is not None:
        statement = statement.where(col(CheckIn.checked_in_at) >= since)
    if until is not None:
        statement = statement.where(col(CheckIn.checked_in_at) < until)
    return take(session, statement, key=col(CheckIn.id), after=after, limit=limit)


def _mark(session: Session, row: CheckIn, *, since: datetime) -> None:
    """This station, and the one that the person has left by turning up here."""
    until = since + LONGEST
    attribution_changed(session, station_id=row.station_id, since=since, until=until)
    left = session.exec(
        select(CheckIn.station_id)
        .where(
            col(CheckIn.employee_id) == row.employee_id,
            col(CheckIn.station_id) != row.station_id,
            col(CheckIn.checked_in_at) <= since,
            col(CheckIn.checked_in_at) > since - LONGEST,
        )
        .distinct()
    ).all()
    for station_id in left:
        attribution_changed(session, station_id=station_id, since=since, until=until)
