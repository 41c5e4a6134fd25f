"""Beat with its schedule in memory: tasks are idempotent, so a restart may send one twice and needs no file to know."""

import time
from typing import Any

from celery.beat import Scheduler
from prometheus_client import Counter, Gauge

TICK = Gauge("stressvision_beat_last_tick_timestamp_seconds", "When beat last looked at its schedule")
SENT = Counter("stressvision_beat_sent_total", "Tasks that beat handed to the broker", ["task", "outcome"])


class CountingScheduler(Scheduler):  # type: ignore[misc]
    """Celery's scheduler, seen from outside."""

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        TICK.set(time.time())
        return super().tick(*args, **kwargs)

    def apply_async(self, entry: Any, *args: Any, **kwargs: Any) -> Any:
        outcome = "failed"
        try:
            sent = super().apply_async(entry, *args, **kwargs)
            outcome = "sent"
            return sent
        finally:
            SENT.labels(task=entry.task, outcome=outcome).inc()
