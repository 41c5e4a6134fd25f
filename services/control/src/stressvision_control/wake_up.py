"""A word to the worker that there is something to roll up; should it get lost, the sweep finds it within 15 s."""

import logging
from collections.abc import Callable
from typing import Final

from celery import Celery
from kombu.exceptions import KombuError
from redis import Redis, RedisError

from stressvision_control.metrics import WAKE_UPS

KEY: Final = "stressvision:rollups:wake"
"""Set while a wake-up is on its way; the intake sets the same one, and the task takes it away as it begins."""
KEY_LIFETIME_S: Final = 5
TASK: Final = "rollups.refresh"
_PATIENCE_S: Final = 1.0
"""An edit never waits longer than this for Redis, and is done before it asks."""

_log = logging.getLogger(__name__)


def waker(redis_url: str | None) -> Callable[[], None]:
    """What to call after a commit that left marks. It never raises. Without a URL it does nothing."""
    if redis_url is None:
        return lambda: None
    redis = Redis.from_url(redis_url, socket_timeout=_PATIENCE_S, socket_connect_timeout=_PATIENCE_S)
    celery = Celery("stressvision-control", broker=redis_url, set_as_current=False)
    celery.conf.update(
        task_ignore_result=True,
        broker_connection_timeout=_PATIENCE_S,
        broker_transport_options={"socket_timeout": _PATIENCE_S, "socket_connect_timeout": _PATIENCE_S},
    )

    def wake() -> None:
        try:
            if not redis.set(KEY, b"1", nx=True, ex=KEY_LIFETIME_S):
                WAKE_UPS.labels("awake").inc()
                return
            celery.send_task(TASK, retry=False)
            WAKE_UPS.labels("sent").inc()
        except (RedisError, KombuError, OSError):
            WAKE_UPS.labels("failed").inc()
            _log.warning("the worker could not be woken; its sweep will see to it", exc_info=True)

    return wake
