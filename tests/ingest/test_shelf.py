"""What devices fetch is read once for all of them, and memory stays bounded."""

import asyncio
from collections import Counter

import pytest

from stressvision_ingest.shelf import Shelf
from support.database import Database
from support.repository import Repository

pytestmark = pytest.mark.db


class CountingShelf(Shelf):
    """Counts its questions to the database, each slow enough for others to come along."""

    def __init__(self, database: Database, capacity_bytes: int) -> None:
        super().__init__(database.engine("ingest"), capacity_bytes=capacity_bytes)
        self.asked: Counter[str] = Counter()

    async def _read(self, key, load):
        self.asked[key] += 1
        await asyncio.sleep(0.05)
        return await super()._read(key, load)


@pytest.fixture(scope="module")
def repository(database: Database) -> Repository:
    made = Repository(database)
    made.create()
    for number in range(4):
        made.add(f"shelf-{number}", bytes([number]) * 1000)
    return made


def digests(repository: Repository) -> dict[str, str]:
    with repository.database.engine().connect() as connection:
        rows = connection.exec_driver_sql("SELECT version, digest FROM model_versions WHERE version LIKE 'shelf-%%'")
        return {row.version: row.digest for row in rows}


def test_two_hundred_at_once_cost_one_read_of_each(repository: Repository, database: Database) -> None:
    shelf, digest = CountingShelf(database, 10_000), digests(repository)["shelf-1"]

    async def ask_all() -> list[bytes | None]:
        return await asyncio.gather(*(shelf.target("shelf-1", digest) for _ in range(200)))

    assert set(asyncio.run(ask_all())) == {b"\x01" * 1000}
    assert shelf.asked == {"offered shelf-1": 1, digest: 1}


def test_the_newest_is_asked_for_each_time_and_what_is_missing_too(repository: Repository, database: Database) -> None:
    shelf = CountingShelf(database, 10_000)

    async def ask() -> list[bytes | None]:
        return [
            await shelf.metadata("timestamp", None),
            await shelf.metadata("root", 2),
            await shelf.metadata("root", 1),
        ]

    first, second = asyncio.run(ask()), asyncio.run(ask())
    assert first == second
    assert [content is None for content in first] == [False, True, False]
    assert shelf.asked == {"newest timestamp": 2, "2.root": 2, "1.root": 1}


def test_what_was_asked_for_longest_ago_goes_first(repository: Repository, database: Database) -> None:
    shelf, known = CountingShelf(database, 2_500), digests(repository)

    async def ask(*versions: str) -> None:
        for version in versions:
            assert await shelf.target(version, known[version]) is not None
            assert shelf.held_bytes <= 2_500

    asyncio.run(ask("shelf-0", "shelf-1", "shelf-0", "shelf-2", "shelf-0", "shelf-1"))
    assert [shelf.asked[known[f"shelf-{number}"]] for number in range(3)] == [1, 2, 1]


def test_a_file_larger_than_the_shelf_is_given_and_not_held(repository: Repository, database: Database) -> None:
    shelf, digest = CountingShelf(database, 500), digests(repository)["shelf-3"]
    assert asyncio.run(shelf.target("shelf-3", digest)) == b"\x03" * 1000
    assert shelf.held_bytes == 0


def test_a_database_that_is_away_fails_the_question_and_not_the_next(
    repository: Repository, database: Database
) -> None:
    shelf = CountingShelf(database, 10_000)

    def fail() -> bytes | None:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError):
        asyncio.run(shelf._ask("1.root", fail))
    assert asyncio.run(shelf.metadata("root", 1)) is not None
