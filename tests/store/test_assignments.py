"""Assignments: what clashes, and what two requests at once may not do."""

import threading
from datetime import date, time, timedelta

import pytest
from sqlmodel import Session, select

from stressvision_store import assignments, people, places, shifts
from stressvision_store.local_time import Hours
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError
from stressvision_store.session import transaction
from stressvision_store.workforce_tables import Assignment
from support.database import Database
from support.workforce import TODAY, Workforce, build_workforce

pytestmark = pytest.mark.db


def assign(
    session: Session,
    workforce: Workforce,
    *,
    employee: int = 0,
    station: int = 0,
    shift: int | None = None,
    first: int = 0,
    last: int | None = None,
) -> Assignment:
    """Days are counted from today."""
    return assignments.create_assignment(
        session,
        employee_id=workforce.employees[employee],
        station_id=workforce.stations[station],
        shift_id=shift if shift is not None else workforce.day,
        first_date=TODAY + timedelta(days=first),
        last_date=TODAY + timedelta(days=last) if last is not None else None,
    )


def test_a_person_stands_at_one_station_a_shift(session: Session, workforce: Workforce) -> None:
    first = assign(session, workforce)
    said = rf"'E-1' already stands at station 'P1' in shift 'Day' from {TODAY} \(assignment {first.id}\)"
    with pytest.raises(ConflictError, match=said):
        assign(session, workforce, station=1, first=5)


def test_a_station_has_one_person_a_shift(session: Session, workforce: Workforce) -> None:
    assign(session, workforce, last=3)
    with pytest.raises(ConflictError, match="the station already has 'E-1' in shift 'Day'"):
        assign(session, workforce, employee=1, first=3)


def test_other_dates_and_other_shifts_do_not_clash(session: Session, workforce: Workforce) -> None:
    assign(session, workforce, first=0, last=3)
    assign(session, workforce, employee=1, first=4)
    assign(session, workforce, station=1, first=4)
    assign(session, workforce, shift=workforce.night)
    assign(session, workforce, employee=1, first=-5, last=-1)


def test_dates_the_wrong_way_round_are_refused(session: Session, workforce: Workforce) -> None:
    with pytest.raises(InvalidError, match="before it begins"):
        assign(session, workforce, first=3, last=2)


def test_a_station_of_another_site_is_refused(session: Session, workforce: Workforce) -> None:
    site = places.create_site(session, name="Ilo", time_zone="America/Lima").id or 0
    stranger = people.create_employee(session, site_id=site).id or 0
    shift = shifts.create_shift(session, site_id=site, name="Day", hours=Hours(starts=time(6), ends=time(14)))
    with pytest.raises(InvalidError, match="the station is at site 'Callao', the shift 'Day' at 'Ilo'"):
        assign(session, workforce, shift=shift.id)
    with pytest.raises(InvalidError, match="is not of site 'Callao'"):
        assignments.create_assignment(
            session,
            employee_id=stranger,
            station_id=workforce.stations[0],
            shift_id=workforce.day,
            first_date=TODAY,
        )


def test_dates_can_be_changed_but_not_into_another_assignment(session: Session, workforce: Workforce) -> None:
    first = assign(session, workforce)
    ended = assignments.change_dates(session, first.id or 0, first_date=TODAY, last_date=TODAY)
    assert ended.last_date == TODAY
    assign(session, workforce, employee=1, first=1)
    with pytest.raises(ConflictError, match="'E-2'"):
        assignments.change_dates(session, first.id or 0, first_date=TODAY, last_date=None)


def test_what_is_not_there_is_said_by_name(session: Session, workforce: Workforce) -> None:
    with pytest.raises(NotFoundError, match="there is no shift 2147483647"):
        assign(session, workforce, shift=2**31 - 1)
    with pytest.raises(NotFoundError, match="there is no assignment 2147483647"):
        assignments.delete_assignment(session, 2**31 - 1)


def test_listing_by_date_gives_those_that_hold(session: Session, workforce: Workforce) -> None:
    past = assign(session, workforce, first=-9, last=-5)
    now = assign(session, workforce)

    def on(day: date) -> list[int | None]:
        found = assignments.list_assignments(session, station_id=workforce.stations[0], on=day, after=None, limit=10)
        return [row.id for row in found]

    assert on(TODAY - timedelta(days=5)) == [past.id]
    assert on(TODAY - timedelta(days=4)) == []
    assert on(TODAY) == [now.id]


def test_two_at_once_cannot_both_take_the_station(database: Database) -> None:
    with transaction(database.engine("control")) as opened:
        made = build_workforce(opened)
    gate = threading.Barrier(2)
    outcomes: list[str] = []

    def take(employee: int) -> None:
        with transaction(database.engine("control")) as opened:
            gate.wait()
            try:
                assign(opened, made, employee=employee)
                outcomes.append("made")
            except ConflictError:
                outcomes.append("refused")

    threads = [threading.Thread(target=take, args=(employee,)) for employee in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "refused"]
    with transaction(database.engine("control")) as opened:
        assert len(opened.exec(select(Assignment)).all()) == 1
