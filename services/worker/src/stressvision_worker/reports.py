"""Reports on schedule: what has become final, or was revised, since a report was made of it."""

import logging

from sqlalchemy import Engine

from stressvision_store.reports.kept import drop_narrowed, make_report, reports_due
from stressvision_store.session import transaction
from stressvision_worker.report_metrics import FAILURES, MADE

log = logging.getLogger(__name__)

AT_ONCE = 20
"""In one run of the task; what is left waits for the next."""


def make_due_reports(engine: Engine) -> int:
    """Make what is due, each in a transaction of its own; one that fails stops no other. Return how many were made."""
    with transaction(engine) as session:
        dropped = drop_narrowed(session)
        due = reports_due(session, AT_ONCE)
    if dropped:
        log.info("reports made under a wider profile are gone", extra={"reports": dropped})
    made = 0
    for each in due:
        try:
            with transaction(engine) as session:
                make_report(session, each)
        except Exception:  # the edge of the loop
            FAILURES.inc()
            log.exception("a report was not made", extra={"kind": each.kind, "site": each.site_id})
            continue
        MADE.labels(kind=each.kind).inc()
        made += 1
    return made
