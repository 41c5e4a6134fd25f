from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from stressvision_store.session import transaction
from stressvision_worker.watch import Watch
from support.database import Database

pytestmark = pytest.mark.db


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def mark(database: Database) -> Callable[[timedelta], None]:
    def add(age: timedelta) -> None:
        with transaction(database.engine()) as session:
            session.execute(
                text("INSERT INTO dirty_windows (device_id, bucket_at, marked_at) VALUES (1, now(), now() - :age)"),
                {"age": age},
            )

    return add


def test_is_stuck_when_nothing_comes_while_marks_grow_old(
    database: Database, mark: Callable[[timedelta], None]
) -> None:
    clock = Clock()
    watch = Watch(database.engine("worker"), stuck_s=120, clock=clock, end=lambda: None)
    mark(timedelta(minutes=5))
    assert not watch.is_stuck(), "not within its first two minutes"

    clock.now += 121
    assert watch.is_stuck()

    watch.received()
    assert not watch.is_stuck()


def test_is_not_stuck_while_there_is_nothing_to_do(database: Database, mark: Callable[[timedelta], None]) -> None:
    clock = Clock()
    watch = Watch(database.engine("worker"), stuck_s=120, clock=clock, end=lambda: None)
    clock.now += 1000
    assert not watch.is_stuck()

    mark(timedelta(seconds=5))
    assert not watch.is_stuck(), "a young mark is no reason either"
