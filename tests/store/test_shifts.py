"""Shifts of a site."""

from datetime import time

import pytest
from sqlmodel import Session

from stressvision_store import assignments, shifts
from stressvision_store.local_time import Break, Hours
from stressvision_store.refusals import ConflictError, InvalidError
from support.workforce import TODAY, Workforce

pytestmark = pytest.mark.db


def test_an_overlap_is_refused_naming_the_other_and_the_day(session: Session, workforce: Workforce) -> None:
    with pytest.raises(ConflictError, match=r"'Night' \(22:00–06:00\) on Monday"):
        shifts.create_shift(
            session,
            site_id=workforce.site,
            name="Early",
            hours=Hours(starts=time(5), ends=time(6), weekdays=(1, 3)),
        )


def test_a_shift_may_fill_the_gap_that_is_left(session: Session, workforce: Workforce) -> None:
    late = shifts.create_shift(
        session, site_id=workforce.site, name="Late", hours=Hours(starts=time(14), ends=time(22))
    )
    assert shifts.hours_of(session, late).weekdays == (1, 2, 3, 4, 5, 6, 7)


def test_the_same_name_twice_is_refused(session: Session, workforce: Workforce) -> None:
    with pytest.raises(ConflictError, match="has a shift 'Day' already"):
        shifts.create_shift(session, site_id=workforce.site, name="Day", hours=Hours(starts=time(14), ends=time(15)))


def test_new_hours_replace_the_breaks_and_never_meet_another_shift(session: Session, workforce: Workforce) -> None:
    pause = Break(time(10), time(10, 15))
    shift = shifts.change_shift(session, workforce.day, hours=Hours(starts=time(7), ends=time(15), breaks=(pause,)))
    assert shifts.hours_of(session, shift).breaks == (pause,)
    shift = shifts.change_shift(session, workforce.day, name="Morning", hours=Hours(starts=time(7), ends=time(15)))
    assert (shift.name, shifts.hours_of(session, shift).breaks) == ("Morning", ())
    with pytest.raises(ConflictError, match="'Night'"):
        shifts.change_shift(session, workforce.day, hours=Hours(starts=time(7), ends=time(23)))
    with pytest.raises(InvalidError, match="does not lie inside"):
        shifts.change_shift(session, workforce.day, hours=Hours(starts=time(11), ends=time(15), breaks=(pause,)))


def test_only_a_shift_without_assignments_can_be_deleted(session: Session, workforce: Workforce) -> None:
    assignment = assignments.create_assignment(
        session,
        employee_id=workforce.employees[0],
        station_id=workforce.stations[0],
        shift_id=workforce.day,
        first_date=TODAY,
    )
    with pytest.raises(ConflictError, match=f"for one {assignment.id}"):
        shifts.delete_shift(session, workforce.day)
    assignments.delete_assignment(session, assignment.id or 0)
    shifts.delete_shift(session, workforce.day)
    assert shifts.find_shift(session, site_id=workforce.site, name="Day") is None
