"""Shifts and their breaks: local times that repeat by weekday and may run over midnight."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import pairwise

from sqlmodel import Session, col, delete, select

from stressvision_store.changes import ALWAYS, attribution_changed
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import Assignment, Shift, ShiftBreak, Site

DAY_S = 86_400
WEEK_S = 7 * DAY_S
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Break:
    starts: time
    ends: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When a shift is: `weekdays` are the ISO days on which it starts; `ends` not after `starts` is the next day."""

    starts: time
    ends: time
    weekdays: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    breaks: tuple[Break, ...] = ()


def check_hours(hours: Hours) -> Hours:
    """The same hours in their one order of days and breaks; refuse what cannot be."""
    for name, at in (("starts", hours.starts), ("ends", hours.ends)):
        if at.second or at.microsecond or at.tzinfo is not None:
            raise InvalidError(f"{at} is no whole minute of local time; write HH:MM", field=name)
    if not hours.weekdays or not set(hours.weekdays) <= set(range(1, 8)):
        raise InvalidError("weekdays are one or more of 1 (Monday) to 7 (Sunday)", field="weekdays")
    return Hours(
        starts=hours.starts,
        ends=hours.ends,
        weekdays=tuple(sorted(set(hours.weekdays))),
        breaks=_check_breaks(hours),
    )


def length_s(starts: time, ends: time) -> int:
    """Seconds of local time from one to the other; equal times are a whole day."""
    return (_seconds(ends) - _seconds(starts) - 1) % DAY_S + 1


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
    breaks = sorted((Break(row.starts, row.ends) for row in rows), key=lambda each: _offset(shift.starts, each.starts))
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
    session.add_all(ShiftBreak(shift_id=shift.id, starts=each.starts, ends=each.ends) for each in breaks)
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


def overlap_day(one_shift: Hours, other: Hours) -> int | None:
    """The ISO day on which the first begins an occurrence that meets one of the other; None when none does."""
    for day, start, end in _occurrences(one_shift):
        for _, other_start, other_end in _occurrences(other):
            for week in (-WEEK_S, 0, WEEK_S):
                if start < other_end + week and other_start + week < end:
                    return day
    return None


def _occurrences(hours: Hours) -> Iterator[tuple[int, int, int]]:
    for day in hours.weekdays:
        start = (day - 1) * DAY_S + _seconds(hours.starts)
        yield day, start, start + length_s(hours.starts, hours.ends)


def _check_breaks(hours: Hours) -> tuple[Break, ...]:
    length = length_s(hours.starts, hours.ends)
    breaks = sorted(hours.breaks, key=lambda each: _offset(hours.starts, each.starts))
    for each in breaks:
        start = _offset(hours.starts, each.starts)
        if start + length_s(each.starts, each.ends) > length:
            raise InvalidError(f"the break {_text(each)} does not lie inside the shift {_text(hours)}", field="breaks")
    for earlier, later in pairwise(breaks):
        if _offset(hours.starts, earlier.starts) + length_s(earlier.starts, earlier.ends) > _offset(
            hours.starts, later.starts
        ):
            raise InvalidError(f"the breaks {_text(earlier)} and {_text(later)} overlap", field="breaks")
    return tuple(breaks)


def _text(span: Break | Hours) -> str:
    return f"{span.starts:%H:%M}–{span.ends:%H:%M}"


def _seconds(at: time) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second


def _offset(start: time, at: time) -> int:
    return (_seconds(at) - _seconds(start)) % DAY_S
