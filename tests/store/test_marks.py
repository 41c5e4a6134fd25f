from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import psycopg
import pytest
from sqlalchemy import text

from stressvision_store.marks import mark_events, sites_of
from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from support import plants
from support.database import Database

pytestmark = pytest.mark.db

SINCE = datetime(2026, 11, 4, 13, 0, tzinfo=UTC)


@pytest.fixture
def plant(database: Database) -> Iterator[plants.Plant]:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(connection, first_date=date(2026, 11, 3), zones=("America/Lima", "Europe/Madrid"))
        random = Random(1)
        events = [plants.window(d, SINCE + timedelta(minutes=n), random) for d in plant.devices for n in range(20)]
        plants.store_events(connection, [*events, plants.gap(plant.devices[0], SINCE + timedelta(days=1), Random(1))])
        connection.execute("DELETE FROM dirty_windows")
        yield plant


def marked(database: Database) -> dict[int, int]:
    with transaction(database.engine()) as session:
        rows = session.execute(
            text("SELECT device_id, count(DISTINCT bucket_at) AS buckets FROM dirty_windows GROUP BY 1")
        )
        return {row.device_id: row.buckets for row in rows}


def test_a_site_means_all_that_ever_stood_there(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine("control")) as session:
        assert mark_events(session, site_id=plant.sites[0]) == 8

    assert marked(database) == {plant.devices[0]: 4, plant.devices[1]: 4}


def test_what_can_no_longer_be_made_anew_is_not_marked(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine()) as session:
        mark_events(session, site_id=plant.sites[0])
        drain(session)
        horizon = SINCE + timedelta(minutes=10)
        session.execute(text("INSERT INTO raw_horizon VALUES (1, :at)"), {"at": horizon})
        session.execute(text("DELETE FROM events WHERE started_at < :at"), {"at": horizon})

    with transaction(database.engine("control")) as session:
        mark_events(session, site_id=plant.sites[0])

    assert marked(database) == {plant.devices[0]: 2, plant.devices[1]: 2}


def test_a_span_marks_only_its_own_five_minutes(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine("control")) as session:
        mark_events(
            session,
            device_id=plant.devices[2],
            since=SINCE + timedelta(minutes=7),
            until=SINCE + timedelta(minutes=11),
        )

    assert marked(database) == {plant.devices[2]: 2}


def test_an_employee_means_the_stations_of_the_roster_the_badge_and_the_rollups(
    database: Database, plant: plants.Plant
) -> None:
    employee = plant.employees[0]
    with transaction(database.engine()) as session:
        session.execute(
            text("INSERT INTO check_ins (employee_id, station_id, checked_in_at) VALUES (:e, :s, :t)"),
            {"e": employee, "s": plant.stations[1], "t": SINCE},
        )
    with transaction(database.engine("control")) as session:
        mark_events(session, employee_id=employee)

    assert marked(database) == {plant.devices[0]: 4, plant.devices[1]: 4}


def test_rollups_without_events_are_marked_too(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine("control")) as session:
        mark_events(session, station_id=plant.stations[0])
    with transaction(database.engine("worker")) as session:
        drain(session)
    with transaction(database.engine()) as session:
        session.execute(text("DELETE FROM events"))
    with transaction(database.engine("control")) as session:
        mark_events(session, station_id=plant.stations[0])

    assert marked(database) == {plant.devices[0]: 4}


def test_nothing_named_is_a_mistake(database: Database) -> None:
    with pytest.raises(ValueError, match="needs a site"), transaction(database.engine("control")) as session:
        mark_events(session)


def test_a_device_that_never_stood_anywhere_has_no_site(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine("worker")) as session:
        assert sites_of(session, [plant.devices[0], plant.devices[2]]) == plant.sites
        assert sites_of(session, [987654, plant.devices[0]]) == [0, plant.sites[0]]
