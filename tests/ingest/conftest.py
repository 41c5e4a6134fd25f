"""An intake of its own for each test, with one model registered and one device joined."""

from collections.abc import Iterator

import httpx
import pytest
from support.database import Database
from support.intake import Device, join, make_settings, register_model, serve_intake

from stressvision_ingest.settings import Settings


@pytest.fixture
def settings(database: Database, redis_url: str) -> Settings:
    return make_settings(database, redis_url)


@pytest.fixture
def client(settings: Settings, database: Database) -> Iterator[httpx.Client]:
    register_model(database.engine())
    with serve_intake(settings) as client:
        yield client


@pytest.fixture
def device(client: httpx.Client, database: Database) -> Device:
    return join(client, database.engine())
