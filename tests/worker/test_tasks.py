"""Tasks that must end though work keeps coming in."""

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


def test_folding_ends_though_the_intake_does_not(database: Database) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plants.add_device(connection, "busy")
        connection.execute(_ANOTHER_COMES_IN)
        resources = Resources(Settings(database_url=SecretStr(database.url("worker")), environment="production"))

        Work(resources, go_on=lambda: None).fold_tallies()
        resources.engine.dispose()

        row = connection.execute("SELECT sum(stored) FROM device_accounts").fetchone()
    assert row == (1,), "what came in meanwhile is for the next run"
