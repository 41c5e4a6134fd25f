"""A repository in a database of its own, and a device that looks at it."""

from pathlib import Path

import pytest

from support.database import Database
from support.repository import Repository, StoreFetcher, TufClient


@pytest.fixture
def repository(database: Database) -> Repository:
    made = Repository(database)
    made.create()
    return made


@pytest.fixture
def tuf(repository: Repository, tmp_path: Path) -> TufClient:
    return TufClient(tmp_path / "client", StoreFetcher(repository), repository.content("root", 1))
