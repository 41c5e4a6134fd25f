"""Check-ins and what they make the rollups look at again."""

from datetime import timedelta
from random import Random

import psycopg
import pytest
from sqlalchemy import text
from sqlmodel import Session

from stressvision_store import check_ins, people, places
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError
from stressvision_store.session import transaction
from support.database import Database
from support.plants import build_plant, store_events, window
from support.workforce import NOW, TODAY, Workforce, ago, marks

pytestmark = pytest.mark.db


def test_repeating_a_check_in_gives_the_same_row(session: Session, workforce: Workforce) -> None:
    who, where, at = workforce.employees[0], workforce.stations[0], ago(hours=1)
    first = check_ins.check_in(session, employee_id=who, station_id=where, at=at)
    assert check_ins.check_in(session, employee_id=who, station_id=where, at=at).id == first.id
    assert check_ins.check_in(session, employee_id=who, station_id=where, at=NOW).id != first.id


def test_check_out_ends_once_and_not_before_it_began(session: Session, workforce: Workforce) -> None:
    row = check_ins.check_in(
        session, employee_id=workforce.employees[0], station_id=workforce.stations[0], at=ago(hours=2)
    )
    with pytest.raises(InvalidError, match="after that"):
        check_ins.check_out(session, row.id or 0, at=ago(hours=3))
    assert check_ins.check_out(session, row.id or 0, at=ago(hours=1)).checked_out_at == ago(hours=1)
    with pytest.raises(ConflictError, match="ended on"):
        check_ins.check_out(session, row.id or 0, at=NOW)


def test_the_future_and_other_sites_are_refused(session: Session, workforce: Workforce) -> None:
    who, where = workforce.employees[0], workforce.stations[0]
    with pytest.raises(InvalidError, match="in the future"):
        check_ins.check_in(session, employee_id=who, station_id=where, at=NOW + timedelta(hours=1))
    site = places.create_site(session, name="Ilo", time_zone="America/Lima").id or 0
    stranger = people.create_employee(session, site_id=site).id or 0
    with pytest.raises(InvalidError, match="is of another site"):
        check_ins.check_in(session, employee_id=stranger, station_id=where, at=NOW)


def test_a_badge_finds_its_holder_and_is_kept_as_a_hash(session: Session, workforce: Workforce) -> None:
    employee = people.employee_named(session, "E-1")
    people.set_badge(session, employee, "0042")
    assert people.employee_with_badge(session, "0042").id == employee.id
    assert employee.badge_hash is not None
    assert b"0042" not in employee.badge_hash
    with pytest.raises(NotFoundError, match="no employee holds this badge"):
        people.employee_with_badge(session, "42")
    with pytest.raises(ConflictError, match="'E-1' holds this badge"):
        people.set_badge(session, people.employee_named(session, "E-2"), "0042")
    people.set_badge(session, employee, None)
    people.set_badge(session, people.employee_named(session, "E-2"), "0042")


def test_a_check_in_marks_its_station_and_the_one_that_was_left(database: Database) -> None:
    random = Random(1)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = build_plant(connection, first_date=TODAY - timedelta(days=5), stations=3)
        for hours in (1, 3):
            store_events(connection, [window(device, ago(hours=hours), random) for device in plant.devices])
    engine = database.engine("control")
    here, there, elsewhere = plant.devices
    with transaction(engine) as opened:
        check_ins.check_in(opened, employee_id=plant.employees[0], station_id=plant.stations[0], at=ago(hours=4))
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("DELETE FROM dirty_windows")
    with transaction(engine) as opened:
        check_ins.check_in(opened, employee_id=plant.employees[0], station_id=plant.stations[1], at=ago(hours=2))
    with transaction(engine) as opened:
        found = {device for device, _ in marks(opened)}
        times = {at for _, at in marks(opened)}
        lately = opened.scalar(text("SELECT date_bin('5 min', :at, 'epoch')"), {"at": ago(hours=1)})
    assert found == {here, there}
    assert elsewhere not in found
    assert times == {lately}
