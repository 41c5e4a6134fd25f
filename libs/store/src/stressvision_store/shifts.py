"""Shifts and their breaks, as a site keeps them."""

from collections.abc import Sequence

from sqlmodel import Session, col, delete, select

from stressvision_store.changes import ALWAYS, attribution_changed
from stressvision_store.local_time import DAYS, Break, Hours, check_hours, offset_s, overlap_day
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError
from stressvision_store.workforce_tables import Assignment, Shift, ShiftBreak, Site


def create_shift(session: Session, *, site_id: int, name: str, hours: Hours) -> Shift:
    site = one(session, Site, site_id, "site", lock=True)
    hours = check_hours(hours)
    if find_shift(session, site_id=site_id, name=name) is not None:
        raise ConflictError(f"site {site.name!r} has a shift {name!r} already", field="name")
    _refuse_overlap(session, site_id=site_id, hours=hours, except_id=None)
    shift = Shift(site_id=site_id, name=name, starts=hours.starts, ends=hours.ends, weekdays=list(hours.weekdays))
    session.add(shift)
    session.flush()
    _write_breaks(session, shift, hours.breaks)
    attribution_changed(session, site_id=site_id, since=ALWAYS)
    return shift


def find_shift(session: Session, *, site_id: int, name: str) -> Shift | None:
    return session.exec(select(Shift).where(col(Shift.site_id) == site_id, col(Shift.name) == name)).first()


def list_shifts(
    session: Session, *, site_id: int | None = None, name: str | None = None, after: int | None, limit: int
) -> Sequence[Shift]:
    statement = select(Shift)
    if name is not None:
        statement = statement.where(col(Shift.name) == name)
    if site_id is not None:
        statement = statement.where(col(Shift.site_id) == site_id)
    return take(session, statement, key=col(Shift.id), after=after, limit=limit)


def hours_of(session: Session, shift: Shift) -> Hours:
    """Breaks stand in the order in which they come."""
    rows = session.exec(select(ShiftBreak).where(col(ShiftBreak.shift_id) == shift.id)).all()
    breaks = sorted((Break(row.starts, row.ends) for row in rows), key=lambda each: offset_s(shift.starts, each.starts))
    return Hours(starts=shift.starts, ends=shift.ends, weekdays=tuple(sorted(shift.weekdays)), breaks=tuple(breaks))


def change_shift(session: Session, shift_id: int, *, name: str | None = None, hours: Hours | None = None) -> Shift:
    """New hours hold for the past as well: everything observed at the site is attributed anew."""
    shift = one(session, Shift, shift_id, "shift")
    one(session, Site, shift.site_id, "site", lock=True)
    if name is not None and name != shift.name:
        if find_shift(session, site_id=shift.site_id, name=name) is not None:
            raise ConflictError(f"site {shift.site_id} has a shift {name!r} already", field="name")
        shift.name = name
    if hours is not None and (hours := check_hours(hours)) != hours_of(session, shift):
        _refuse_overlap(session, site_id=shift.site_id, hours=hours, except_id=shift_id)
        shift.starts, shift.ends, shift.weekdays = hours.starts, hours.ends, list(hours.weekdays)
        _write_breaks(session, shift, hours.breaks)
        attribution_changed(session, site_id=shift.site_id, since=ALWAYS)
    session.flush()
    return shift


def delete_shift(session: Session, shift_id: int) -> None:
    """Only a shift that nobody was ever assigned to can go."""
    shift = one(session, Shift, shift_id, "shift", lock=True)
    assignment = session.exec(select(Assignment).where(col(Assignment.shift_id) == shift_id)).first()
    if assignment is not None:
        raise ConflictError(f"shift {shift.name!r} has assignments, for one {assignment.id}; delete them first")
    attribution_changed(session, site_id=shift.site_id, since=ALWAYS)
    session.exec(delete(ShiftBreak).where(col(ShiftBreak.shift_id) == shift_id))
    session.delete(shift)
    session.flush()


def _write_breaks(session: Session, shift: Shift, breaks: Sequence[Break]) -> None:
    session.exec(delete(ShiftBreak).where(col(ShiftBreak.shift_id) == shift.id))
    session.add_all(ShiftBreak(shift_id=shift.id or 0, starts=each.starts, ends=each.ends) for each in breaks)
    session.flush()


def _refuse_overlap(session: Session, *, site_id: int, hours: Hours, except_id: int | None) -> None:
    for other in session.exec(select(Shift).where(col(Shift.site_id) == site_id).order_by(col(Shift.id))):
        if other.id == except_id:
            continue
        day = overlap_day(hours, hours_of(session, other))
        if day is not None:
            raise ConflictError(
                f"it overlaps shift {other.name!r} ({other.starts:%H:%M}–{other.ends:%H:%M}) on {DAYS[day - 1]}; "
                "shifts of one site must not overlap",
                field="starts",
            )
