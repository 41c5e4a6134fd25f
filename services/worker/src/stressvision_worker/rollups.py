"""Work off the marks until none is left or time is up; one that cannot be worked off must not stop the others."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from stressvision_store.rollups import Drained, drain, marked_devices, put_oldest_last
from stressvision_store.session import transaction
from stressvision_worker import metrics

log = logging.getLogger(__name__)

SHRINK = 8
"""By what a drain is made smaller after bad data, until the one mark that fails is alone."""


def work_off(engine: Engine, *, marks: int, budget_s: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """Drain until nothing is left that can be worked off (True), or it is worth going on at once (False).

    Raises when the database is away: the marks are safe and the sweep comes back. So it does to marks that failed
    alone; they went to the end of the queue, one after the other, to let the rest pass.
    """
    limit = marks
    until = clock() + budget_s
    failed: set[tuple[int, datetime]] = set()
    while clock() < until:
        try:
            drained = _drain_once(engine, limit)
        except OperationalError as error:
            _count_busy(error)
            log.info("an edit or another drain holds a site; the marks are back")
            _pass_by(engine, limit, lambda: clock() < until)
            return False
        except DBAPIError:
            metrics.DRAIN_FAILURES.labels(why="data").inc()
            if not failed:
                log.exception("a drain of up to %d marks failed; trying fewer", limit)
            if limit > 1:
                limit = max(1, limit // SHRINK)
            elif (mark := _step_around(engine)) in failed or mark is None:
                return True
            else:
                failed.add(mark)
            continue
        if drained.marks == 0:
            return True
        limit = min(marks, limit * 2)
    return bool(failed)


def _count_busy(error: OperationalError) -> None:
    """Raise it unless it says that somebody holds a site."""
    busy = isinstance(error.orig, LockNotAvailable | DeadlockDetected)
    metrics.DRAIN_FAILURES.labels(why="busy" if busy else "database").inc()
    if not busy:
        raise error


def _pass_by(engine: Engine, limit: int, goes_on: Callable[[], bool]) -> None:
    """What is held at one site holds up no other: each by itself, once."""
    with transaction(engine) as session:
        sites = marked_devices(session)
    for devices in sites if len(sites) > 1 else []:
        if not goes_on():
            return
        try:
            _drain_once(engine, limit, devices)
        except OperationalError as error:
            _count_busy(error)


def _drain_once(engine: Engine, limit: int, devices: Sequence[int] | None = None) -> Drained:
    with metrics.DRAIN_SECONDS.time(), transaction(engine) as session:
        drained = drain(session, limit, devices=devices)
    metrics.MARKS.inc(drained.marks)
    metrics.BUCKETS.inc(drained.buckets)
    metrics.BEYOND.inc(drained.beyond)
    metrics.ERASED_EVENTS.inc(drained.erased)
    if drained.oldest_marked_at is not None:
        metrics.WAIT_SECONDS.observe(max(0.0, time.time() - drained.oldest_marked_at.timestamp()))
    return drained


def _step_around(engine: Engine) -> tuple[int, datetime] | None:
    """Put the oldest mark last; its device and bucket."""
    with transaction(engine) as session:
        mark = put_oldest_last(session)
    metrics.PUT_LAST.inc()
    log.warning("this mark cannot be worked off and went to the end of the queue", extra={"mark": mark})
    return mark
