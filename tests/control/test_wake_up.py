"""Waking the worker."""

import pytest
from redis import Redis

from stressvision_control import wake_up
from stressvision_control.metrics import WAKE_UPS


def count(outcome: str) -> float:
    return WAKE_UPS.labels(outcome)._value.get()


@pytest.mark.db
def test_sends_one_task_until_the_worker_takes_the_key(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        redis.delete(wake_up.KEY, "celery")
        wake = wake_up.waker(redis_url)
        wake()
        wake()
        assert redis.llen("celery") == 1
        assert b'"task": "rollups.refresh"' in redis.lindex("celery", 0)
        redis.delete(wake_up.KEY)
        wake()
        assert redis.llen("celery") == 2
        redis.delete(wake_up.KEY, "celery")


def test_redis_away_is_counted_and_nothing_more() -> None:
    before = count("failed")
    wake_up.waker("redis://127.0.0.1:1/0")()
    assert count("failed") == before + 1


def test_without_a_url_nothing_is_done() -> None:
    before = count("failed"), count("sent")
    wake_up.waker(None)()
    assert (count("failed"), count("sent")) == before
