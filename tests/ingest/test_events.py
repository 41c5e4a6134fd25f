"""What a device is answered, and what is then in the database."""

import pytest
from sqlalchemy import text
from support.database import Database
from support.intake import Device, make_episode, make_gap, make_window

pytestmark = pytest.mark.db


def rows(database: Database, statement: str) -> list[tuple]:
    with database.engine().connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


def test_stores_a_batch_of_all_kinds_and_answers_after_commit(device: Device, database: Database):
    answer = device.send(make_window(seq=1), make_episode(seq=2), make_gap(seq=3, lost=4))
    assert answer.status_code == 202, answer.text
    assert answer.json() == {"stored": 3, "duplicate": 0, "rejected": [], "acked_seq": 3}
    assert rows(database, "SELECT kind, seq, device_id FROM events ORDER BY seq") == [
        (k, k, device.id) for k in (1, 2, 3)
    ]
    assert rows(database, "SELECT stored, duplicate, rejected, lost, max_seq FROM intake_tallies") == [(3, 0, 0, 4, 3)]
