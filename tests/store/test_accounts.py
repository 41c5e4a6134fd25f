from concurrent.futures import ThreadPoolExecutor
from random import Random

import psycopg
import pytest

from stressvision_store.accounts import fold_tallies
from stressvision_store.session import transaction
from support import plants
from support.database import Database

pytestmark = pytest.mark.db


def accounts(database: Database) -> list[tuple[int, ...]]:
    with psycopg.connect(database.url("owner")) as connection:
        statement = "SELECT stored, duplicate, rejected, lost, max_seq FROM device_accounts ORDER BY device_id"
        return connection.execute(statement).fetchall()


def test_tallies_are_added_up_once_however_many_fold_at_a_time(database: Database) -> None:
    random = Random(1)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        devices = [plants.add_device(connection, name) for name in "abc"]
        rows = [[random.choice(devices), *(random.randrange(50) for _ in range(4)), n] for n in range(3_000)]
        connection.cursor().executemany(
            "INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost, max_seq)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            rows,
        )

    def fold(_: int) -> int:
        folded = 0
        while True:
            with transaction(database.engine("worker")) as session:
                taken = fold_tallies(session, limit=97)
            folded += taken
            if taken == 0:
                return folded

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(fold, range(3))) == 3_000

    expected = []
    for device in devices:
        own = [row for row in rows if row[0] == device]
        expected.append((*(sum(row[column] for row in own) for column in range(1, 5)), max(row[5] for row in own)))
    assert accounts(database) == expected


def test_a_tally_without_a_seq_keeps_the_highest_one(database: Database) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        device = plants.add_device(connection, "a")
        for max_seq in (7, None, 3):
            connection.execute(
                "INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost, max_seq)"
                " VALUES (%s, 1, 0, 0, 0, %s)",
                [device, max_seq],
            )
            with transaction(database.engine("worker")) as session:
                assert fold_tallies(session) == 1

    assert accounts(database) == [(3, 0, 0, 0, 7)]
