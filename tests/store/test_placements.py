"""A device that takes a station, and what the one before it saw."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from random import Random

import psycopg
import pytest
from sqlmodel import col, select

from stressvision_store import fleet, placements
from stressvision_store.refusals import ConflictError
from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from stressvision_store.workforce_tables import Placement
from support import plants
from support.database import Database

pytestmark = pytest.mark.db

ALL_DAY = (("all day", time(0), time(0), ()),)


@pytest.fixture
def plant(database: Database) -> plants.Plant:
    """Two stations with a device and a person each, around the clock, and a third device that stands nowhere."""
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        today = datetime.now(UTC).date()
        made = plants.build_plant(connection, first_date=today, zones=("UTC",), shifts=ALL_DAY)
        return replace(made, devices=[*made.devices, plants.add_device(connection, "spare")])


def take(database: Database, device: int, station: int, now: datetime | None = None) -> None:
    with transaction(database.engine("ingest")) as session:
        placements.take_station(session, device_id=device, station_id=station, now=now or datetime.now(UTC))


def history(database: Database, station: int) -> list[tuple[int, datetime, datetime | None]]:
    with transaction(database.engine()) as session:
        there = select(Placement).where(col(Placement.station_id) == station).order_by(col(Placement.id))
        return [(row.device_id, row.placed_at, row.removed_at) for row in session.exec(there)]


def test_what_the_old_device_saw_keeps_its_person_and_nothing_counts_twice(
    database: Database, plant: plants.Plant
) -> None:
    old, _, new = plant.devices
    station = plant.stations[0]
    take(database, new, station)
    (_, _, removed_at), (_, at, _) = history(database, station)
    assert removed_at == at
    minute, random = timedelta(minutes=1), Random(1)
    seen = [
        (old, at - 2 * minute),
        (old, at - minute / 60),
        (old, at),
        (old, at + minute),
        (new, at),
        (new, at + minute),
    ]
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plants.store_events(connection, [plants.window(device, moment, random) for device, moment in seen])
        with transaction(database.engine("worker")) as session:
            drain(session)
        counted = connection.execute(
            "SELECT device_id, employee_id, sum(windows) FROM rollup_windows GROUP BY 1, 2 ORDER BY 1"
        ).fetchall()
        nobody = connection.execute(
            "SELECT device_id, reason, sum(windows) FROM unattributed_windows GROUP BY 1, 2"
        ).fetchall()
    person = plant.employees[0]
    assert counted == [(old, person, 2), (new, person, 2)]
    assert nobody == [(old, "no_station", 2)]


def test_a_device_moved_away_keeps_its_history(database: Database, plant: plants.Plant) -> None:
    first, second, _ = plant.devices
    here, there = plant.stations
    take(database, first, there)
    (left,), (replaced, came) = history(database, here), history(database, there)
    assert (left[0], replaced[0], came[0]) == (first, second, first)
    assert left[2] == replaced[2] == came[1]
    assert came[2] is None


def test_a_clock_that_was_ahead_leaves_no_time_that_runs_backwards(database: Database, plant: plants.Plant) -> None:
    old, _, new = plant.devices
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    take(database, old, plant.stations[0], ahead)
    take(database, new, plant.stations[0])
    *_, replaced, came = history(database, plant.stations[0])
    assert replaced == (old, ahead, ahead)
    assert came == (new, ahead, None)


class TestAgainstAnOperator:
    """While a device joins, an operator moves another; they wait for each other."""

    def waits(self, database: Database, device: int, station: int, edit: Callable[[], object]) -> None:
        """Take the station, and before the commit begin the edit: it must not end until then."""
        with ThreadPoolExecutor(1) as pool:
            with transaction(database.engine("ingest")) as session:
                placements.take_station(session, device_id=device, station_id=station, now=datetime.now(UTC))
                session.flush()
                begun: Future[object] = pool.submit(edit)
                with pytest.raises(TimeoutError):
                    begun.result(timeout=0.5)
            begun.result(timeout=30)

    def test_who_places_a_device_there_is_told_that_it_is_taken(self, database: Database, plant: plants.Plant) -> None:
        old, other, new = plant.devices
        station = plant.stations[0]
        with transaction(database.engine("control")) as session:
            fleet.move_device(session, old, station_id=None, at=datetime.now(UTC))

        def place() -> None:
            with transaction(database.engine("control")) as session:
                fleet.move_device(session, other, station_id=station, at=datetime.now(UTC))

        with pytest.raises(ConflictError, match=f"device {new} was placed at that station"):
            self.waits(database, new, station, place)

    def test_who_revokes_the_old_one_does_not_move_the_moment(self, database: Database, plant: plants.Plant) -> None:
        old, _, new = plant.devices
        station = plant.stations[0]

        def revoke() -> None:
            with transaction(database.engine("control")) as session:
                fleet.revoke_device(session, old)

        self.waits(database, new, station, revoke)
        (_, _, removed_at), (_, placed_at, _) = history(database, station)
        assert removed_at == placed_at
