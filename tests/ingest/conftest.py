"""An intake of its own for each module, with one model registered; a newly joined device for each test."""

import secrets
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import text

from stressvision_ingest.settings import Settings
from support.database import TEMPLATE, Cluster, Database, create_database, drop_database
from support.intake import Device, join, make_settings, register_model, serve_intake

Rows = Callable[[str], list[tuple]]

OF_THE_DEVICE = "WITH " + ", ".join(
    f"{table} AS (SELECT * FROM public.{table} WHERE device_id = :device)"
    for table in ("events", "dead_letters", "intake_tallies", "dirty_windows", "device_states", "placements")
)


@pytest.fixture(scope="module")
def database(cluster: Cluster) -> Iterator[Database]:
    """As the one of tests/support, but one for all tests of a module: a device's rows are told apart anyway."""
    database = create_database(cluster, f"ingest_{secrets.token_hex(4)}", TEMPLATE)
    register_model(database.engine())
    yield database
    drop_database(cluster, database)


@pytest.fixture(scope="module")
def settings(database: Database, redis_url: str) -> Settings:
    return make_settings(database, redis_url)


@pytest.fixture(scope="module")
def client(settings: Settings) -> Iterator[httpx.Client]:
    with serve_intake(settings) as client:
        yield client


@pytest.fixture
def device(client: httpx.Client, database: Database) -> Device:
    return join(client, database.engine())


@pytest.fixture
def rows(device: Device, database: Database) -> Rows:
    """Ask the database; the tables that name devices show those of the test's device only."""

    def ask(statement: str) -> list[tuple]:
        with database.engine().connect() as connection:
            return [
                tuple(row) for row in connection.execute(text(f"{OF_THE_DEVICE} {statement}"), {"device": device.id})
            ]

    return ask


@pytest.fixture
def tally(rows: Rows) -> Callable[[], tuple[int, ...]]:
    """How many events of the device were stored, duplicate, rejected and lost."""
    return lambda: rows("SELECT sum(stored), sum(duplicate), sum(rejected), sum(lost) FROM intake_tallies")[0]
