"""Asks the worker to look at the models' days now, which it does every hour by itself."""

import time

import psycopg
from celery import Celery

from demo.settings import Settings

TASK, QUEUE = "training.watch", "housekeeping"
TIMEOUT_S = 60.0


def ask_for_quality(settings: Settings) -> int:
    """Return for how many days the dashboards know how good the model was; waits for the first a minute at most."""
    with Celery("stressvision-demo", broker=settings.redis_url, set_as_current=False) as app:
        app.send_task(TASK, queue=QUEUE, ignore_result=True)
    deadline = time.monotonic() + TIMEOUT_S
    days = _days(settings)
    while not days and time.monotonic() < deadline:
        time.sleep(0.5)
        days = _days(settings)
    return days


def _days(settings: Settings) -> int:
    with psycopg.connect(settings.ops_url) as connection:
        (days,) = connection.execute("SELECT count(DISTINCT day)::int FROM ops.model_days").fetchone() or (0,)
    return int(days)
