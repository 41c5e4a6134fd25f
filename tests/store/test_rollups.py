from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta
from random import Random
from threading import Event

import psycopg
import pytest
from sqlalchemy import text

from stressvision_store.marks import mark_events
from stressvision_store.rollups import BUCKET, drain, erase_windows, finalise, runs_of
from stressvision_store.session import transaction
from support import plants
from support.database import Database
from support.rollup_differences import read_rollups, wrong_rows

DAY = date(2026, 11, 4)
MORNING = datetime(2026, 11, 4, 13, 0, tzinfo=UTC)
"""Eight in the morning in Lima: within the morning shift, outside its break."""


def drain_all(database: Database, limit: int = 2000) -> None:
    marks = 1
    while marks:
        with transaction(database.engine("worker")) as session:
            marks = drain(session, limit).marks


def scalar(database: Database, statement: str, **values: object) -> object:
    with transaction(database.engine()) as session:
        return session.scalar(text(statement), values)


class Floor:
    """One site in Lima with two stations, and a way to send."""

    def __init__(self, database: Database, connection: plants.Connection) -> None:
        self.database = database
        self.connection = connection
        self.plant = plants.build_plant(connection, first_date=DAY)
        self.random = Random(1)

    def send(self, at: datetime = MORNING, minutes: int = 10) -> None:
        plants.store_events(self.connection, list(plants.stream(self.plant.devices, at, minutes, self.random)))

    def states(self, table: str = "rollup_shifts") -> set[tuple[str, int]]:
        with psycopg.connect(self.database.url("owner")) as connection:
            return set(connection.execute(f"SELECT state, revision FROM {table}").fetchall())


@pytest.fixture
def floor(database: Database) -> Iterator[Floor]:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        yield Floor(database, connection)


class TestRuns:
    def test_neighbours_are_joined_by_device(self) -> None:
        at = datetime(2026, 1, 1, 1, tzinfo=UTC)
        buckets = [(1, at), (1, at + BUCKET), (1, at + 3 * BUCKET), (2, at + 4 * BUCKET)]

        assert runs_of(buckets) == [
            (1, at, at + 2 * BUCKET),
            (1, at + 3 * BUCKET, at + 4 * BUCKET),
            (2, at + 4 * BUCKET, at + 5 * BUCKET),
        ]

    def test_no_run_crosses_a_quarter_of_a_day(self) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        buckets = [(1, at + n * BUCKET) for n in range(288)]

        assert runs_of(buckets) == [(1, at + timedelta(hours=h), at + timedelta(hours=h + 6)) for h in (0, 6, 12, 18)]

    def test_nothing_gives_nothing(self) -> None:
        assert runs_of([]) == []


@pytest.mark.db
def test_an_empty_queue_is_no_work(database: Database) -> None:
    with transaction(database.engine("worker")) as session:
        assert drain(session).marks == 0


@pytest.mark.db
def test_a_failed_drain_leaves_its_marks(floor: Floor, database: Database) -> None:
    floor.send()
    before = scalar(database, "SELECT count(*) FROM dirty_windows")

    with pytest.raises(ZeroDivisionError), transaction(database.engine("worker")) as session:
        assert drain(session).buckets > 0
        1 / 0  # noqa: B018

    assert scalar(database, "SELECT count(*) FROM dirty_windows") == before
    assert scalar(database, "SELECT count(*) FROM rollup_windows") == 0


@pytest.mark.db
def test_rows_that_do_not_change_are_not_written(floor: Floor, database: Database) -> None:
    floor.send()
    drain_all(database)
    newest = "SELECT max(computed_at) FROM (SELECT computed_at FROM {} ) t"
    before = [scalar(database, newest.format(table)) for table in ("rollup_windows", "rollup_shifts", "rollup_areas")]

    with transaction(database.engine("control")) as session:
        assert mark_events(session, site_id=floor.plant.sites[0]) > 0
    drain_all(database)

    after = [scalar(database, newest.format(table)) for table in ("rollup_windows", "rollup_shifts", "rollup_areas")]
    assert before == after


@pytest.mark.db
class TestLife:
    def test_final_once_over_and_quiet_then_revised_when_a_number_changes(
        self, floor: Floor, database: Database
    ) -> None:
        floor.send()
        drain_all(database)
        assert floor.states() == floor.states("rollup_areas") == {("provisional", 0)}

        with transaction(database.engine("worker")) as session:
            assert finalise(session) == 3, "two people and their area"
            assert finalise(session) == 0
        assert floor.states() == floor.states("rollup_areas") == {("final", 0)}

        floor.send(MORNING + timedelta(hours=1))
        drain_all(database)
        assert floor.states() == floor.states("rollup_areas") == {("revised", 1)}

        floor.send(MORNING + timedelta(hours=2))
        drain_all(database)
        assert floor.states() == {("revised", 2)}

    def test_not_final_while_a_mark_of_its_site_and_time_waits(self, floor: Floor, database: Database) -> None:
        floor.send()
        drain_all(database)
        floor.send(MORNING + timedelta(hours=2), minutes=1)

        with transaction(database.engine("worker")) as session:
            assert finalise(session) == 0
        drain_all(database)
        with transaction(database.engine("worker")) as session:
            assert finalise(session) == 3

    def test_marks_of_another_shift_hold_nothing_up(self, floor: Floor, database: Database) -> None:
        floor.send()
        drain_all(database)
        floor.send(MORNING + timedelta(hours=9), minutes=1)

        with transaction(database.engine("worker")) as session:
            assert finalise(session) == 3

    def test_not_final_before_the_shift_is_over(self, floor: Floor, database: Database) -> None:
        floor.connection.execute(
            "UPDATE shifts SET starts = s.t - interval '1 hour', ends = s.t + interval '1 hour'"
            " FROM (SELECT (now() AT TIME ZONE 'America/Lima')::time AS t) s"
        )
        floor.connection.execute("DELETE FROM shift_breaks")
        floor.send(datetime.now(UTC) - timedelta(minutes=5), minutes=2)
        drain_all(database)
        assert floor.states() == {("provisional", 0)}

        with transaction(database.engine("worker")) as session:
            assert finalise(session) == 0


@pytest.mark.db
def test_five_minutes_in_two_areas_count_for_the_newer_one(database: Database) -> None:
    """A device is carried from one area to the next while the same person works at both."""
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(connection, first_date=DAY, areas=2, stations=1)
        moved_at = MORNING + timedelta(minutes=2)
        connection.execute("UPDATE placements SET removed_at = %s", [moved_at])
        connection.execute(
            "INSERT INTO placements (device_id, station_id, placed_at) VALUES (%s, %s, %s)",
            [plant.devices[0], plant.stations[1], moved_at],
        )
        connection.execute(
            "INSERT INTO assignments (employee_id, station_id, shift_id, first_date) VALUES (%s, %s, %s, %s)",
            [plant.employees[0], plant.stations[1], plant.shifts[0], DAY],
        )
        plants.store_events(connection, list(plants.stream(plant.devices[:1], MORNING, 5, Random(1))))
        drain_all(database)

        areas = connection.execute("SELECT area_id, windows FROM rollup_windows").fetchall()
        newest = connection.execute("SELECT max(id) FROM areas").fetchone()

    assert newest is not None
    assert areas == [(newest[0], 5)]
    assert wrong_rows(database.url("owner")) == []


@pytest.mark.db
def test_erasing_a_person_reaches_windows_whose_raw_events_are_gone(floor: Floor, database: Database) -> None:
    floor.send(minutes=30)
    drain_all(database)
    person = int(str(scalar(database, "SELECT min(employee_id) FROM rollup_windows")))
    floor.connection.execute("DELETE FROM events")

    with transaction(database.engine("control")) as session:
        assert erase_windows(session, person) > 0

    found = read_rollups(database.url("owner"))
    assert person not in {key[2] for key in found["rollup_windows"]} | {key[0] for key in found["rollup_shifts"]}
    assert {row["employees"] for row in found["rollup_areas"].values()} == {1}


@pytest.mark.db
def test_two_drains_and_a_sender_at_once_leave_no_wrong_row(floor: Floor, database: Database) -> None:
    over = Event()

    def work(seed: int) -> int:
        random, worked = Random(seed), 0
        while not (over.is_set() and scalar(database, "SELECT count(*) FROM dirty_windows") == 0):
            with transaction(database.engine("worker")) as session:
                worked += drain(session, random.choice([1, 3, 20])).marks
        return worked

    with ThreadPoolExecutor(2) as pool:
        workers = [pool.submit(work, seed) for seed in (1, 2)]
        for n in range(60):
            floor.send(MORNING + timedelta(minutes=n % 20), minutes=3)
        over.set()
        worked = [worker.result(60) for worker in workers]

    assert min(worked) > 0
    assert wrong_rows(database.url("owner")) == []


@pytest.mark.db
def test_drains_of_one_site_wait_for_each_other(floor: Floor, database: Database) -> None:
    """Both stations share an area: whoever summed it without the other's windows would overwrite the right sum."""
    floor.send(minutes=1)
    with ThreadPoolExecutor(1) as pool:
        with transaction(database.engine("worker")) as session:
            assert drain(session, 1).marks == 1
            second = pool.submit(drain_all, database)
            assert wait([second], timeout=1).not_done
        second.result(30)

    (area,) = read_rollups(database.url("owner"))["rollup_areas"].values()
    assert area["employees"] == 2
    assert wrong_rows(database.url("owner")) == []


@pytest.mark.db
def test_an_event_that_comes_in_while_the_roster_is_edited_is_not_forgotten(floor: Floor, database: Database) -> None:
    """Without the shared lock, a drain between the edit's look and its commit would use the old roster for good."""
    floor.send()
    drain_all(database)
    with ThreadPoolExecutor(1) as pool:
        with transaction(database.engine("control")) as session:
            session.execute(text("DELETE FROM assignments"))
            mark_events(session, site_id=floor.plant.sites[0])
            floor.send(MORNING + timedelta(hours=1))
            draining = pool.submit(drain_all, database)
            assert wait([draining], timeout=1).not_done, "the drain waits for the edit"
        draining.result(30)

    assert read_rollups(database.url("owner"))["rollup_windows"] == {}
    assert wrong_rows(database.url("owner")) == []
