"""Work off the marks until none is left or time is up; one that cannot be worked off must not stop the others."""

import logging
import time
from collections.abc import Callable

from psycopg.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError, OperationalError

from stressvision_store.rollups import Drained, drain, put_oldest_last
from stressvision_store.session import transaction
from stressvision_worker import metrics

log = logging.getLogger(__name__)

SHRINK = 8
"""By what a drain is made smaller after bad data, until the one mark that fails is alone."""


def work_off(engine: Engine, *, marks: int, budget_s: float, clock: Callable[[], float] = time.monotonic) -> bool:
    """Drain until nothing is left (True) or `budget_s` are over (False).

    Raises when the database is away, or when an edit holds a site: the marks are safe and the sweep comes back.
    """
    limit = marks
    until = clock() + budget_s
    while clock() < until:
        try:
            drained = _drain_once(engine, limit)
        except OperationalError as error:
            busy = isinstance(error.orig, LockNotAvailable | DeadlockDetected)
            metrics.DRAIN_FAILURES.labels(why="busy" if busy else "database").inc()
            raise
        except DBAPIError:
            metrics.DRAIN_FAILURES.labels(why="data").inc()
            log.exception("a drain of up to %d marks failed; trying fewer", limit)
            if limit == 1:
                _step_around(engine)
                return False
            limit = max(1, limit // SHRINK)
            continue
        if drained.marks == 0:
            return True
        limit = min(marks, limit * 2)
    return False


def _drain_once(engine: Engine, limit: int) -> Drained:
    with metrics.DRAIN_SECONDS.time(), transaction(engine) as session:
        drained = drain(session, limit)
    metrics.MARKS.inc(drained.marks)
    metrics.BUCKETS.inc(drained.buckets)
    metrics.BEYOND.inc(drained.beyond)
    if drained.oldest_marked_at is not None:
        metrics.WAIT_SECONDS.observe(max(0.0, time.time() - drained.oldest_marked_at.timestamp()))
    return drained


def _step_around(engine: Engine) -> None:
    with transaction(engine) as session:
        mark = put_oldest_last(session)
    metrics.PUT_LAST.inc()
    log.error("this mark cannot be worked off and went to the end of the queue", extra={"mark": mark})
