"""Publishing what is due, a day at a time; and ending what dashboards run for too long."""

import logging
import time
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from stressvision_store import dashboards, publication
from stressvision_store.session import transaction
from stressvision_worker import publication_metrics as metrics
from stressvision_worker.settings import Settings

log = logging.getLogger(__name__)


def publish_figures(
    engine: Engine, settings: Settings, *, budget_s: float, clock: Callable[[], float] = time.monotonic
) -> None:
    """Publish the days that are due, oldest first; what is left when time is up waits for the next run.

    A site that an edit holds is passed over, and comes back.
    """
    quiet = timedelta(seconds=settings.publish_after)
    until = clock() + budget_s
    with transaction(engine) as session:
        days = publication.due_days(session, quiet=quiet)
    held: set[int] = set()
    for day in days:
        if clock() > until:
            break
        if day[0] in held:
            continue
        try:
            with transaction(engine) as session:
                published = publication.publish_day(session, day, k=settings.group_size, quiet=quiet)
        except OperationalError:
            held.add(day[0])
            metrics.FAILURES.inc()
            log.warning("a day was not published and waits", extra={"site": day[0], "day": str(day[1])}, exc_info=True)
            continue
        if published is not None:
            _count(published)
    with transaction(engine) as session:
        metrics.CHANGED.set(publication.changed_cells(session))


def _count(published: publication.Published) -> None:
    metrics.DAYS.inc()
    for grain, shown, of_all in (
        ("shift", published.shown_cells, published.cells),
        ("hour", published.shown_hours, published.hours),
    ):
        metrics.CELLS.labels(grain=grain, outcome="shown").inc(shown)
        metrics.CELLS.labels(grain=grain, outcome="withheld").inc(of_all - shown)


def end_long_dashboards(engine: Engine, settings: Settings) -> None:
    """A viewer can lift the time limit of its own session, but not this one."""
    with transaction(engine) as session:
        ended = dashboards.end_long_sessions(session, timedelta(seconds=settings.dashboard_s))
    if ended:
        metrics.ENDED.inc(ended)
        log.warning("dashboards' sessions ended: their statements ran for too long", extra={"ended": ended})
