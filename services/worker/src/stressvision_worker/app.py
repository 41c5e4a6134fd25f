"""Celery: its settings, its queues, and the whole schedule on one page.

A message is only a hint: what there is to do stands in Postgres. Any may get lost, come twice or come late, and two
beats may run at once: every task is idempotent.
"""

import logging
from typing import Any, Final

import redis
from celery import Celery
from kombu import Queue

from stressvision_worker import metrics
from stressvision_worker.settings import Settings
from stressvision_worker.tasks import register_tasks

log = logging.getLogger(__name__)

HINTS: Final = "celery"
"""The queue that clients use when they name none: ingest and control send their wake-ups without knowing ours."""

HOUSEKEEPING: Final = "housekeeping"

VISIBILITY_TIMEOUT_S: Final = 120
"""After a crash a task is delivered again this much later. Time limits lie below, or a slow one would run twice."""

SOFT_LIMIT_S: Final = 90
HARD_LIMIT_S: Final = 100

SCHEDULE: Final[dict[str, tuple[float, str]]] = {
    "rollups.sweep": (15, HINTS),
    "rollups.finalise": (60, HOUSEKEEPING),
    "accounts.fold": (10, HOUSEKEEPING),
    "rollouts.step": (5, HOUSEKEEPING),
    "figures.publish": (30, HOUSEKEEPING),
    "dashboards.watch": (5, HOUSEKEEPING),
    "gauges.refresh": (15, HOUSEKEEPING),
    "partitions.ensure": (3600, HOUSEKEEPING),
    "models.refresh": (3600, HOUSEKEEPING),
    "training.watch": (3600, HOUSEKEEPING),
    "reports.make": (900, HOUSEKEEPING),
    # Asked every hour though there is work but once a day: a beat that was down at the one right time misses no day.
    "retention.apply": (3600, HOUSEKEEPING),
}
"""Every how many seconds, and on which queue. What was not taken before the next one is due is thrown away."""

AT_START: Final = ("partitions.ensure", "rollups.sweep", "rollouts.step", "gauges.refresh", "models.refresh")
"""What a worker asks for when it is ready, so that nothing waits for beat."""


def create_celery(settings: Settings) -> Celery:
    """The application with its tasks; connects to nothing yet."""
    app = Celery("stressvision-worker", broker=settings.redis_url.get_secret_value(), set_as_current=False)
    app.conf.update(
        task_default_queue=HINTS,
        task_queues=[Queue(HINTS, routing_key=HINTS), Queue(HOUSEKEEPING, routing_key=HOUSEKEEPING)],
        task_routes={name: {"queue": queue} for name, (_, queue) in SCHEDULE.items()},
        beat_schedule={
            name: {"task": name, "schedule": every_s, "options": {"expires": every_s}}
            for name, (every_s, _) in SCHEDULE.items()
        },
        timezone="UTC",
        task_ignore_result=True,
        **_reliability(),
    )
    register_tasks(app, settings)
    return app


def _reliability() -> dict[str, Any]:
    return {
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_time_limit": HARD_LIMIT_S,
        "task_soft_time_limit": SOFT_LIMIT_S,
        "worker_prefetch_multiplier": 1,
        "worker_soft_shutdown_timeout": 10.0,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "worker_send_task_events": False,
        "worker_enable_remote_control": False,
        "worker_hijack_root_logger": False,
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": VISIBILITY_TIMEOUT_S,
            "socket_timeout": 30.0,
            "socket_connect_timeout": 5.0,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "retry_on_timeout": True,
        },
    }


def forget_backlog(settings: Settings) -> None:
    """Throw away what waits in the queues: old hints, which after some days without a worker fill the broker.

    No worker can begin on a broker that is full. What there is to do is asked for anew (`AT_START`).
    """
    url = settings.redis_url.get_secret_value()
    try:
        with redis.Redis.from_url(url, socket_timeout=2.0, socket_connect_timeout=2.0) as client:
            waiting = sum(client.llen(queue) for queue in (HINTS, HOUSEKEEPING))
            client.delete(HINTS, HOUSEKEEPING)
    except redis.RedisError:
        log.warning("the broker is out of reach; starting without", exc_info=True)
        return
    metrics.FORGOTTEN_HINTS.inc(waiting)
