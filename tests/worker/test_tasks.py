"""Tasks that must not make work without end, for themselves or for each other."""

from collections.abc import Iterator

import psycopg
import pytest
from pydantic import SecretStr

from stressvision_worker.settings import Settings
from stressvision_worker.tasks import Resources, Work
from support import plants
from support.database import Database

pytestmark = pytest.mark.db

_ANOTHER_COMES_IN = """
CREATE SEQUENCE rounds;
GRANT USAGE ON SEQUENCE rounds TO stressvision_worker;
CREATE FUNCTION another() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('rounds') < 100 THEN
        INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost)
        SELECT id, 1, 0, 0, 0 FROM devices;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER another AFTER DELETE ON intake_tallies FOR EACH STATEMENT EXECUTE FUNCTION another();
INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost) SELECT id, 1, 0, 0, 0 FROM devices;
"""


@pytest.fixture
def work(database: Database) -> Iterator[Work]:
    """Of a worker that keeps raw events for five days."""
    url = SecretStr(database.url("worker"))
    resources = Resources(Settings(database_url=url, environment="production", raw_days=5))
    yield Work(resources, go_on=lambda: None)
    resources.engine.dispose()


def test_folding_ends_though_the_intake_does_not(database: Database, work: Work) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plants.add_device(connection, "busy")
        connection.execute(_ANOTHER_COMES_IN)

        work.fold_tallies()

        row = connection.execute("SELECT sum(stored) FROM device_accounts").fetchone()
    assert row == (1,), "what came in meanwhile is for the next run"


def test_no_day_is_made_that_the_rule_of_age_drops_again(database: Database, work: Work) -> None:
    def days() -> set[str]:
        with psycopg.connect(database.url("owner")) as connection:
            rows = connection.execute("SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class p"
                                      " ON p.oid = inhparent WHERE p.relname = 'events'")  # fmt: skip
            return {name for (name,) in rows}

    work.ensure_partitions()
    work.apply_retention()
    kept = days()

    work.ensure_partitions()

    assert days() == kept
