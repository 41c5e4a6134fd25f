"""Thin tasks: one call into the store each, counted. All are idempotent: twice, late or at once does no harm."""

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import redis
from celery import Celery
from sqlalchemy import Engine

from stressvision_store import accounts, partitions, rollups
from stressvision_store.session import create_engine, transaction
from stressvision_worker import metrics
from stressvision_worker.gauges import refresh_gauges
from stressvision_worker.models import refresh_models
from stressvision_worker.publication import end_long_dashboards, publish_figures
from stressvision_worker.retention import apply_retention
from stressvision_worker.rollouts import step_rollouts
from stressvision_worker.rollups import work_off
from stressvision_worker.settings import Settings
from stressvision_worker.training import thresholds_of, watch_training

log = logging.getLogger(__name__)

WAKE_KEY = "stressvision:rollups:wake"
"""Set by whoever sends a wake-up, so that there is one at a time; deleted before the marks are looked at."""

BUDGET_S = 20.0
"""Of one refresh or sweep; what is left then goes on in a next one, so that other tasks get their turn."""

STATEMENT_S = 85.0
"""Less than a task may take: a statement that outlives its task keeps its locks, and is run again beside itself."""


class Resources:
    """Connections of one process. The pool's processes are forked, so each makes its own on first use."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._pid = 0

    def _open(self) -> None:
        if self._pid != os.getpid():
            self._engine = create_engine(
                self.settings.database_url.get_secret_value(),
                pool_size=1,
                name="stressvision-worker",
                patience_s=STATEMENT_S,
            )
            self._redis = redis.Redis.from_url(
                self.settings.redis_url.get_secret_value(), socket_timeout=2.0, socket_connect_timeout=2.0
            )
            self._pid = os.getpid()

    @property
    def engine(self) -> Engine:
        self._open()
        return self._engine

    def take_wake_key(self) -> None:
        """Wait for more to come in, then let the next wake-up be sent: in this order, or one would get lost.

        Without the key this hint is an old one, and nothing more is gained by waiting.
        """
        self._open()
        try:
            if self._redis.exists(WAKE_KEY):
                time.sleep(self.settings.linger_s)
                self._redis.delete(WAKE_KEY)
        except redis.RedisError:
            metrics.WAKE_KEY_FAILURES.inc()
            log.warning("the wake-up's key is out of reach; going on without", exc_info=True)


@contextmanager
def counted(task: str) -> Iterator[None]:
    """Count the outcome and the time; say when a task last ended well."""
    outcome = "failed"
    try:
        with metrics.TASK_SECONDS.labels(task=task).time():
            yield
        outcome = "done"
        metrics.PROGRESS.set(time.time())
    finally:
        metrics.TASKS.labels(task=task, outcome=outcome).inc()


class Work:
    """One method a task. `go_on` asks for another sweep, when one left something over."""

    def __init__(self, resources: Resources, go_on: Callable[[], None]) -> None:
        self._resources = resources
        self._settings = resources.settings
        self._go_on = go_on

    def refresh(self) -> None:
        self._resources.take_wake_key()
        self.sweep()

    def sweep(self) -> None:
        if not work_off(self._resources.engine, marks=self._settings.marks, budget_s=BUDGET_S):
            self._go_on()

    def finalise(self) -> None:
        with transaction(self._resources.engine) as session:
            finalised = rollups.finalise(session)
        metrics.FINALISED.inc(finalised)

    def fold_tallies(self) -> None:
        folded = accounts.AT_ONCE
        while folded == accounts.AT_ONCE:  # fewer were all there were: what comes in meanwhile is for the next run
            with transaction(self._resources.engine) as session:
                folded = accounts.fold_tallies(session)
            metrics.FOLDED.inc(folded)

    def ensure_partitions(self) -> None:
        engine = self._resources.engine
        with transaction(engine) as session:
            made = partitions.ensure_partitions(session, days_back=min(partitions.DAYS_BACK, self._settings.raw_days))
        metrics.PARTITIONS_MADE.inc(made)
        for day in partitions.days_of_strays(engine, days_back=self._settings.raw_days):
            with transaction(engine) as session:
                made = partitions.ensure_days(session, day, day)
            metrics.PARTITIONS_MADE.inc(made)

    def apply_retention(self) -> None:
        apply_retention(self._resources.engine, self._settings)

    def refresh_models(self) -> None:
        refresh_models(self._resources.engine, self._settings.signing_keys)

    def step_rollouts(self) -> None:
        step_rollouts(self._resources.engine)

    def watch_training(self) -> None:
        watch_training(self._resources.engine, thresholds_of(self._settings))

    def refresh_gauges(self) -> None:
        refresh_gauges(self._resources.engine)

    def publish_figures(self) -> None:
        publish_figures(self._resources.engine, self._settings, budget_s=BUDGET_S)

    def watch_dashboards(self) -> None:
        end_long_dashboards(self._resources.engine, self._settings)

    def make_reports(self) -> None:
        from stressvision_worker.reports import make_due_reports  # brings reportlab, which few processes need

        make_due_reports(self._resources.engine)


TASKS: Final[dict[str, Callable[[Work], None]]] = {
    "rollups.refresh": Work.refresh,
    "rollups.sweep": Work.sweep,
    "rollups.finalise": Work.finalise,
    "accounts.fold": Work.fold_tallies,
    "partitions.ensure": Work.ensure_partitions,
    "retention.apply": Work.apply_retention,
    "rollouts.step": Work.step_rollouts,
    "gauges.refresh": Work.refresh_gauges,
    "figures.publish": Work.publish_figures,
    "dashboards.watch": Work.watch_dashboards,
    "reports.make": Work.make_reports,
    "models.refresh": Work.refresh_models,
    "training.watch": Work.watch_training,
}


def register_tasks(app: Celery, settings: Settings) -> None:
    """Give `app` its tasks, each counted under its name; no other application of the process shares them."""
    work = Work(Resources(settings), go_on=lambda: app.send_task("rollups.sweep", expires=60))
    for name, method in TASKS.items():
        app.task(_counted(name, method, work), name=name, shared=False)


def _counted(name: str, method: Callable[[Work], None], work: Work) -> Callable[[], None]:
    def run() -> None:
        with counted(name):
            method(work)

    return run
