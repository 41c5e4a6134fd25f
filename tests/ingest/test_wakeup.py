"""The workers are told once, and a broker that is away costs the intake nothing."""

import json
import time
from collections.abc import Iterator

import pytest
import redis

from stressvision_ingest.wakeup import KEY, TASK, WakeUps
from support.database import Database
from support.intake import join, make_gap, make_settings, make_window, serve_intake
from support.servers import free_port, wait_until

QUEUE = "celery"


@pytest.fixture
def broker(redis_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_url) as client:
        client.delete(KEY, QUEUE)
        yield client
        client.delete(KEY, QUEUE)


@pytest.fixture
def wake_ups(redis_url: str) -> Iterator[WakeUps]:
    made = WakeUps(redis_url)
    made.start()
    yield made
    made.stop()


@pytest.mark.db
def test_many_flushes_make_one_hint_until_the_worker_takes_it(broker: redis.Redis, wake_ups: WakeUps):
    for _ in range(50):
        wake_ups.request()
        time.sleep(0.002)
    wait_until(lambda: broker.llen(QUEUE) > 0, "a hint")
    time.sleep(0.1)
    assert broker.llen(QUEUE) == 1
    assert json.loads(broker.lindex(QUEUE, 0))["headers"]["task"] == TASK
    assert 0 < broker.ttl(KEY) <= 5
    broker.delete(KEY)
    wake_ups.request()
    wait_until(lambda: broker.llen(QUEUE) == 2, "the next hint")


@pytest.mark.db
def test_stored_events_wake_the_workers_and_replays_do_not(device, broker: redis.Redis):
    event = make_window()
    device.send(event)
    wait_until(lambda: broker.llen(QUEUE) == 1, "a hint")
    broker.delete(KEY, QUEUE)
    device.send(event)
    time.sleep(0.2)
    assert broker.llen(QUEUE) == 0


@pytest.mark.db
def test_without_a_broker_events_are_taken_as_fast_as_ever(database: Database):
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    with serve_intake(make_settings(database, nobody)) as client:
        device = join(client, database.engine())
        begun = time.monotonic()
        for _ in range(20):
            assert device.send(make_gap(), make_window()).status_code == 202
        assert time.monotonic() - begun < 2
        wait_until(lambda: 'wake_ups_total{outcome="failed"}' in client.get("/metrics").text, "a counted failure")
