"""The roster: who works at which station in which shift, from one date to another."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from sqlmodel import Session, col, or_, select

from stressvision_store.changes import attribution_changed
from stressvision_store.paging import one, take
from stressvision_store.places import site_of_station
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import Assignment, Employee, Shift, Site, Station

_ZONE_SLACK = timedelta(days=1)
"""More than any time zone is away from UTC."""


def create_assignment(
    session: Session,
    *,
    employee_id: int,
    station_id: int,
    shift_id: int,
    first_date: date,
    last_date: date | None = None,
) -> Assignment:
    """Refused when the person, or the station, has another one in that shift on one of those dates."""
    shift = one(session, Shift, shift_id, "shift", lock=True)
    _refuse_other_site(session, employee_id=employee_id, station_id=station_id, shift=shift)
    assignment = Assignment(
        employee_id=employee_id,
        station_id=station_id,
        shift_id=shift_id,
        first_date=first_date,
        last_date=last_date,
    )
    _check_dates(first_date, last_date)
    _refuse_overlap(session, assignment)
    session.add(assignment)
    _mark(session, station_id, first_date, last_date)
    return assignment


def change_dates(session: Session, assignment_id: int, *, first_date: date, last_date: date | None) -> Assignment:
    assignment = one(session, Assignment, assignment_id, "assignment")
    one(session, Shift, assignment.shift_id, "shift", lock=True)
    _check_dates(first_date, last_date)
    before = assignment.first_date, assignment.last_date
    with session.no_autoflush:
        assignment.first_date, assignment.last_date = first_date, last_date
        _refuse_overlap(session, assignment)
    _mark(session, assignment.station_id, *before)
    _mark(session, assignment.station_id, first_date, last_date)
    return assignment


def delete_assignment(session: Session, assignment_id: int) -> None:
    """For one that was entered by mistake; one that ends gets a last date."""
    assignment = one(session, Assignment, assignment_id, "assignment", lock=True)
    session.delete(assignment)
    _mark(session, assignment.station_id, assignment.first_date, assignment.last_date)


def find_assignment(
    session: Session, *, employee_id: int, station_id: int, shift_id: int, first_date: date
) -> Assignment | None:
    return session.exec(
        select(Assignment).where(
            col(Assignment.employee_id) == employee_id,
            col(Assignment.station_id) == station_id,
            col(Assignment.shift_id) == shift_id,
            col(Assignment.first_date) == first_date,
        )
    ).first()


def list_assignments(
    session: Session,
    *,
    employee_id: int | None = None,
    station_id: int | None = None,
    shift_id: int | None = None,
    on: date | None = None,
    after: int | None,
    limit: int,
) -> Sequence[Assignment]:
    statement = select(Assignment)
    for column, wanted in (
        (Assignment.employee_id, employee_id),
        (Assignment.station_id, station_id),
        (Assignment.shift_id, shift_id),
    ):
        if wanted is not None:
            statement = statement.where(col(column) == wanted)
    if on is not None:
        last = col(Assignment.last_date)
        statement = statement.where(col(Assignment.first_date) <= on, or_(last.is_(None), last >= on))
    return take(session, statement, key=col(Assignment.id), after=after, limit=limit)


def _refuse_other_site(session: Session, *, employee_id: int, station_id: int, shift: Shift) -> None:
    employee = one(session, Employee, employee_id, "employee")
    station_site = site_of_station(session, station_id)
    site = one(session, Site, shift.site_id, "site")
    if station_site.id != site.id:
        raise InvalidError(
            f"the station is at site {station_site.name!r}, the shift {shift.name!r} at {site.name!r}",
            field="station_id",
        )
    if employee.site_id != site.id:
        raise InvalidError(f"{employee.pseudonym!r} is not of site {site.name!r}", field="employee_id")


def _check_dates(first_date: date, last_date: date | None) -> None:
    if last_date is not None and last_date < first_date:
        raise InvalidError(f"it would end on {last_date}, before it begins on {first_date}", field="last_date")


def _refuse_overlap(session: Session, wanted: Assignment) -> None:
    last = col(Assignment.last_date)
    statement = select(Assignment).where(
        col(Assignment.shift_id) == wanted.shift_id,
        or_(
            col(Assignment.employee_id) == wanted.employee_id,
            col(Assignment.station_id) == wanted.station_id,
        ),
        or_(last.is_(None), last >= wanted.first_date),
    )
    if wanted.last_date is not None:
        statement = statement.where(col(Assignment.first_date) <= wanted.last_date)
    if wanted.id is not None:
        statement = statement.where(col(Assignment.id) != wanted.id)
    other = session.exec(statement.order_by(col(Assignment.id))).first()
    if other is not None:
        raise ConflictError(_overlap_text(session, wanted, other), field="first_date")


def _overlap_text(session: Session, wanted: Assignment, other: Assignment) -> str:
    shift = one(session, Shift, other.shift_id, "shift")
    dates = f"from {other.first_date}" + (f" to {other.last_date}" if other.last_date is not None else "")
    if other.employee_id == wanted.employee_id:
        who = one(session, Employee, other.employee_id, "employee").pseudonym
        where = one(session, Station, other.station_id, "station").name
        clash = f"{who!r} already stands at station {where!r} in shift {shift.name!r} {dates}"
    else:
        who = one(session, Employee, other.employee_id, "employee").pseudonym
        clash = f"the station already has {who!r} in shift {shift.name!r} {dates}"
    return f"{clash} (assignment {other.id}); end that one first"


def _mark(session: Session, station_id: int, first_date: date, last_date: date | None) -> None:
    """The last date's shift may end on the day after."""
    attribution_changed(
        session,
        station_id=station_id,
        since=_midnight(first_date) - _ZONE_SLACK,
        until=_midnight(last_date) + timedelta(days=2) + _ZONE_SLACK if last_date is not None else None,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
