"""Tell the workers that there is something to roll up: at most one hint a flush, after commit, never on its path.

A hint that is lost costs a moment, because a sweep finds what it would have told. So nothing here waits or fails.
"""

import logging
import threading
from typing import Final

import redis
from celery import Celery
from kombu.exceptions import KombuError

from stressvision_ingest.metrics import WAKE_UPS

log = logging.getLogger(__name__)

KEY: Final = "stressvision:rollups:wake"
"""Set while a hint is on its way; the worker deletes it before it looks."""

KEY_LIFETIME_S: Final = 5
TASK: Final = "rollups.refresh"
TIMEOUT_S: Final = 1.0
PAUSE_S: Final = 0.02
"""Between two hints: a drain sees all that was committed before it began, so more would be in vain."""

REST_S: Final = 2.0
"""After a failure."""


class WakeUps:
    """A thread of its own, because the broker's client blocks."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S)
        self._celery = Celery("stressvision-ingest", broker=redis_url)
        self._celery.conf.update(
            task_ignore_result=True,
            broker_connection_timeout=TIMEOUT_S,
            broker_transport_options={"socket_timeout": TIMEOUT_S, "socket_connect_timeout": TIMEOUT_S},
        )
        self._wanted = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="wake-ups", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def request(self) -> None:
        """From any thread; returns at once."""
        self._wanted.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wanted.set()
        self._thread.join(timeout=2 * TIMEOUT_S)
        self._redis.close()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if self._stopping.is_set():
                return
            self._wanted.clear()
            self._stopping.wait(PAUSE_S if self._try() else REST_S)

    def _try(self) -> bool:
        try:
            if not self._redis.set(KEY, b"1", nx=True, ex=KEY_LIFETIME_S):
                WAKE_UPS.labels(outcome="awake").inc()
                return True
            self._celery.send_task(TASK, ignore_result=True, retry=False)
        except (redis.RedisError, KombuError, OSError) as error:
            WAKE_UPS.labels(outcome="failed").inc()
            log.warning("the workers could not be woken; the sweep will find it", extra={"error": str(error)[:300]})
            return False
        WAKE_UPS.labels(outcome="sent").inc()
        return True
