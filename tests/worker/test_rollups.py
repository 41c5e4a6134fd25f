from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stressvision_store.marks import lock_sites
from stressvision_store.session import create_engine, transaction
from stressvision_worker.rollups import work_off
from support import plants
from support.database import Database
from support.rollup_differences import wrong_rows

pytestmark = pytest.mark.db

SINCE = datetime(2026, 11, 4, 13, 0, tzinfo=UTC)


@pytest.fixture
def plant(database: Database) -> Iterator[plants.Plant]:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(connection, first_date=date(2026, 11, 3), zones=("America/Lima", "Europe/Madrid"))
        plants.store_events(connection, list(plants.stream(plant.devices, SINCE, 30, Random(1))))
        yield plant


def marks(database: Database) -> int:
    with transaction(database.engine()) as session:
        return int(session.scalar(text("SELECT count(*) FROM dirty_windows")) or 0)


def test_works_off_all_marks_in_small_steps_as_the_worker_role(database: Database, plant: plants.Plant) -> None:
    assert work_off(database.engine("worker"), marks=3, budget_s=30)

    assert marks(database) == 0
    assert wrong_rows(database.url("owner")) == []


def test_stops_when_time_is_up_and_says_so(database: Database, plant: plants.Plant) -> None:
    ticks = iter([0.0, 0.0, 5.0])

    assert not work_off(database.engine("worker"), marks=3, budget_s=1, clock=lambda: next(ticks))

    assert marks(database) > 0


def test_one_site_that_cannot_be_worked_off_stops_no_other(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine()) as session:
        session.execute(text("UPDATE sites SET time_zone = 'Atlantis/Capital' WHERE id = :id"), {"id": plant.sites[0]})
    engine = database.engine("worker")

    assert work_off(engine, marks=1000, budget_s=30), "what is left must wait for the next sweep"

    with transaction(database.engine()) as session:
        sites = set(session.scalars(text("SELECT DISTINCT site_id FROM rollup_windows")))
        oldest = session.scalar(text("SELECT now() - min(marked_at) FROM dirty_windows"))
    assert sites == {plant.sites[1]}
    assert oldest is not None
    assert oldest > timedelta(0), "the marks of the other site are kept, with their age"

    with transaction(database.engine()) as session:
        session.execute(text("UPDATE sites SET time_zone = 'America/Lima' WHERE id = :id"), {"id": plant.sites[0]})
    assert work_off(engine, marks=1000, budget_s=30)
    assert wrong_rows(database.url("owner")) == []


def test_a_database_that_is_away_is_an_error(plant: plants.Plant) -> None:
    engine = create_engine("postgresql://nobody:x@127.0.0.1:1/none")

    with pytest.raises(OperationalError, match="onnection"):
        work_off(engine, marks=1000, budget_s=30)


def test_gives_way_to_an_edit_that_holds_its_site(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine()) as session:
        session.execute(
            text("INSERT INTO placements (device_id, station_id, placed_at) VALUES (:d, :s, now())"),
            {"d": plant.devices[0], "s": plant.stations[-1]},
        )
    before = marks(database)
    with transaction(database.engine()) as session:
        lock_sites(session, plant.sites, shared=True)

        assert not work_off(database.engine("worker"), marks=1000, budget_s=30), "it comes back at once"

    assert marks(database) == before
    assert work_off(database.engine("worker"), marks=1000, budget_s=30)


def test_an_edit_that_holds_one_site_holds_up_no_other(database: Database, plant: plants.Plant) -> None:
    with transaction(database.engine()) as session:
        lock_sites(session, plant.sites[:1], shared=True)

        assert not work_off(database.engine("worker"), marks=1000, budget_s=30), "it comes back at once"

        with transaction(database.engine()) as other:
            assert set(other.scalars(text("SELECT DISTINCT site_id FROM rollup_windows"))) == {plant.sites[1]}

    assert work_off(database.engine("worker"), marks=1000, budget_s=30)
    assert wrong_rows(database.url("owner")) == []
