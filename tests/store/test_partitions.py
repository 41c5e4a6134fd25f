from datetime import UTC, date, datetime, timedelta
from random import Random

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from stressvision_store.partitions import (
    days_of_strays,
    drop_oldest_partition,
    ensure_days,
    ensure_partitions,
    lower_bound,
)
from stressvision_store.retention import delete_old, drop_raw_events
from stressvision_store.rollups import drain
from stressvision_store.roster import import_roster
from stressvision_store.session import transaction
from support import plants
from support.database import Database
from support.rollup_differences import differences, read_rollups

pytestmark = pytest.mark.db

TODAY = datetime.now(UTC).date()
NOW = datetime.now(UTC)


def partition_of(database: Database, started_at: datetime) -> list[str]:
    with transaction(database.engine()) as session:
        statement = text("SELECT tableoid::regclass::text FROM events WHERE started_at = :at")
        return list(session.scalars(statement, {"at": started_at}))


def store(database: Database, *events: plants.Event) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plants.store_events(connection, list(events))


def test_bounds_are_the_ones_that_postgres_uses(database: Database) -> None:
    day = date(2026, 2, 28)
    with transaction(database.engine()) as session:
        bound = session.scalar(text("SELECT event_id_bound(:day)"), {"day": day})

    assert bound == lower_bound(day)
    assert str(bound) == "019ca18b-8000-0000-0000-000000000000"


def test_an_event_lies_in_the_partition_of_the_day_of_its_id(database: Database) -> None:
    midnight = datetime.combine(TODAY, datetime.min.time(), UTC)
    store(database, plants.window(1, midnight, Random(1), seconds=0))
    store(database, plants.window(1, midnight - timedelta(milliseconds=1), Random(1), seconds=0))

    assert partition_of(database, midnight) == [f"events_{TODAY:%Y%m%d}"]
    assert partition_of(database, midnight - timedelta(milliseconds=1)) == [
        f"events_{TODAY - timedelta(days=1):%Y%m%d}"
    ]


def test_making_them_again_makes_none_and_the_worker_may(database: Database) -> None:
    with transaction(database.engine("worker")) as session:
        assert ensure_partitions(session) == 0
        assert ensure_partitions(session, days_ahead=9) == 2


def test_rows_that_waited_in_the_default_partition_move_into_their_day(database: Database) -> None:
    long_ago = NOW - timedelta(days=60)
    store(database, plants.window(1, long_ago, Random(1)), plants.window(1, long_ago + timedelta(days=1), Random(2)))
    assert partition_of(database, long_ago) == ["events_default"]
    days = [(long_ago + timedelta(seconds=60)).date(), (long_ago + timedelta(days=1, seconds=60)).date()]
    assert days_of_strays(database.engine("worker"), days_back=90) == days
    assert days_of_strays(database.engine("worker"), days_back=30) == []

    with transaction(database.engine("worker")) as session:
        assert ensure_days(session, days[0], days[0]) == 1

    assert partition_of(database, long_ago) == [f"events_{days[0]:%Y%m%d}"]
    assert partition_of(database, long_ago + timedelta(days=1)) == ["events_default"]


def test_an_absurd_request_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="no more than 1000 days"), transaction(database.engine("worker")) as session:
        ensure_days(session, date(1970, 1, 1), date(2200, 1, 1))


@pytest.mark.parametrize("role", ["ingest", "control"])
def test_nobody_but_the_worker_drops_partitions(database: Database, role: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), transaction(database.engine(role)) as session:
        drop_oldest_partition(session, TODAY)


class TestRetention:
    def test_drops_whole_days_and_tells_of_each(self, database: Database) -> None:
        old = [NOW - timedelta(days=20), NOW - timedelta(days=20, minutes=-3), NOW - timedelta(days=19)]
        store(database, *(plants.window(1, at, Random(n), seconds=0) for n, at in enumerate(old)))
        store(database, plants.window(1, NOW, Random(9), seconds=0))

        dropped = list(drop_raw_events(database.engine("worker"), days=10))

        assert [entry.name for entry in dropped] == sorted(entry.name for entry in dropped)
        assert sum(entry.dropped for entry in dropped) == 3
        assert partition_of(database, NOW) == [f"events_{TODAY:%Y%m%d}"]
        assert list(drop_raw_events(database.engine("worker"), days=10)) == []

    def test_keeps_what_started_later_than_its_id_says(self, database: Database) -> None:
        lagging = plants.window(1, NOW - timedelta(days=20), Random(1)) | {"started_at": NOW, "ended_at": NOW}
        store(database, lagging)

        dropped = list(drop_raw_events(database.engine("worker"), days=10))

        assert sum(entry.kept for entry in dropped) == 1
        assert partition_of(database, NOW) == ["events_default"]

    def test_purges_absurd_clocks_once_they_are_old(self, database: Database) -> None:
        future = plants.window(1, datetime(2200, 1, 1, tzinfo=UTC), Random(1))
        past = plants.window(1, datetime(1999, 1, 1, tzinfo=UTC), Random(2))
        store(database, future, past)

        (purged,) = [e for e in drop_raw_events(database.engine("worker"), days=40) if e.name == "events_default"]

        assert purged.dropped == 1
        assert partition_of(database, future["started_at"]) == ["events_default"]

    def test_rollups_outlive_their_raw_events_whatever_is_marked_later(self, database: Database) -> None:
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            plant = plants.build_plant(connection, first_date=TODAY - timedelta(days=25))
            since = NOW - timedelta(days=20)
            longer_than_a_break = 45
            plants.store_events(connection, list(plants.stream(plant.devices, since, longer_than_a_break, Random(1))))
        with transaction(database.engine("worker")) as session:
            assert drain(session).beyond == 0
        before = read_rollups(database.url("owner"))
        assert before["rollup_shifts"]

        list(drop_raw_events(database.engine("worker"), days=10))
        store(database, plants.window(plant.devices[0], since, Random(7)))
        with transaction(database.engine("worker")) as session:
            drained = drain(session)

        assert (drained.beyond, drained.buckets) == (1, 0)
        assert differences(before, read_rollups(database.url("owner"))) == []

    def test_dead_letters_go_by_age(self, database: Database) -> None:
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            for days in (1, 50, 100):
                connection.execute(
                    "INSERT INTO dead_letters (device_id, reason, detail, body, received_at)"
                    " VALUES (1, 'malformed', '', '', now() - make_interval(days => %s))",
                    [days],
                )

        assert delete_old(database.engine("worker"), "dead_letters", days=60) == 1


def test_a_long_import_of_a_roster_holds_up_no_partition(database: Database) -> None:
    day = TODAY + timedelta(days=30)
    with transaction(database.engine("control")) as session:
        import_roster(session, b"site,time_zone\nLima,America/Lima\n")

        with transaction(database.engine("worker")) as other:
            assert ensure_days(other, day, day) == 1
