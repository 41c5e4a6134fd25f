"""Liveness by progress: a worker that receives nothing while work grows old ends itself, and is started anew.

kombu has hung so before, after a lost connection, with a process that looked healthy. The supervisor's restart delay
bounds the loop, and no worker ends itself within its first `stuck_s`. A database out of reach is no reason to.
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from billiard import active_children  # type: ignore[import-untyped]
from celery import Celery
from celery.signals import task_received
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from stressvision_store.session import transaction
from stressvision_worker import metrics

log = logging.getLogger(__name__)

STUCK_EXIT_CODE = 70
"""EX_SOFTWARE of sysexits.h."""


class Watch:
    """Runs beside the consumer, in the parent process of the pool."""

    def __init__(
        self,
        engine: Engine,
        *,
        stuck_s: float,
        clock: Callable[[], float] = time.monotonic,
        end: Callable[[], None] | None = None,
    ) -> None:
        self._engine = engine
        self._stuck_s = stuck_s
        self._clock = clock
        self._end = end or end_process
        self._received_at = clock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self, app: Celery) -> None:
        task_received.connect(self.received, weak=False)
        self._thread.start()
        log.debug("watching %s", app.main)

    def received(self, **_: Any) -> None:
        self._received_at = self._clock()

    def is_stuck(self) -> bool:
        """Nothing received for `stuck_s`, while a mark has waited longer than that."""
        if self._clock() - self._received_at < self._stuck_s:
            return False
        with transaction(self._engine) as session:
            age_s = session.scalar(text("SELECT extract(epoch FROM now() - min(marked_at)) FROM dirty_windows"))
        return age_s is not None and float(age_s) > self._stuck_s

    def _run(self) -> None:
        while not self._stopping.wait(max(0.1, self._stuck_s / 10)):
            try:
                stuck = self.is_stuck()
            except SQLAlchemyError:
                metrics.WATCH_FAILURES.inc()
                log.warning("the watch could not look at the database", exc_info=True)
                continue
            if stuck:
                metrics.SELF_EXITS.inc()
                log.critical(
                    "nothing received for %g s while marks grow old: ending, to be started anew", self._stuck_s
                )
                self._end()


def end_process() -> None:
    """At once and with the pool's processes: whoever is stuck cannot be asked to stop."""
    for child in active_children():
        os.kill(child.pid, signal.SIGKILL)
    os._exit(STUCK_EXIT_CODE)
