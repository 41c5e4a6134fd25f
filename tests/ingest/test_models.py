"""The signed repository over the device API, asked by the TUF client that devices use."""

from pathlib import Path

import httpx
import pytest

from support.database import Database
from support.intake import Device
from support.repository import HttpFetcher, Repository, TufClient

pytestmark = pytest.mark.db

FIRST, SECOND = bytes(range(256)) * 1000, b"second" * 50_000


@pytest.fixture(scope="module")
def repository(database: Database) -> Repository:
    made = Repository(database)
    made.create()
    made.add("fleet-1", FIRST)
    return made


@pytest.fixture
def tuf(client: httpx.Client, device: Device, repository: Repository, tmp_path: Path) -> TufClient:
    return TufClient(tmp_path, HttpFetcher(client, device.headers), repository.content("root", 1))


def test_a_device_downloads_what_was_published(tuf: TufClient, repository: Repository):
    content, manifest = tuf.download("fleet-1")
    assert content == FIRST
    assert manifest["version"] == "fleet-1"

    repository.add("fleet-2", SECOND)
    assert tuf.download("fleet-2")[0] == SECOND
    assert tuf.download("fleet-1")[0] == FIRST
