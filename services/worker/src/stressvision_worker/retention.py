"""What goes because of its age, and what goes because a person was erased; and whether the audit still fits."""

import logging
from typing import Final

from sqlalchemy import Engine

from stressvision_store import audit_chain, erasure, retention
from stressvision_store.session import transaction
from stressvision_worker import metrics
from stressvision_worker.settings import Settings

log = logging.getLogger(__name__)

BY_ROW: Final = ("dead_letters", "rollups", "tombstones")


def apply_retention(engine: Engine, settings: Settings) -> None:
    """Drop what is too old by each rule, and note the run; then what came late for erased time. Look at the audit."""
    days = {
        "dead_letters": settings.dead_letter_days,
        "rollups": settings.rollup_days,
        "tombstones": settings.tombstone_days,
    }
    dropped = 0
    for partition in retention.drop_raw_events(engine, days=settings.raw_days):
        dropped += partition.dropped
        log.info("raw events dropped", extra={"partition": partition.name, "dropped": partition.dropped})
    _note(engine, "raw", settings.raw_days, dropped)
    for rule in BY_ROW:
        _note(engine, rule, days[rule], retention.delete_old(engine, rule, days=days[rule]))
    _note(engine, "audit", settings.audit_days, retention.drop_audit_entries(engine, days=settings.audit_days))
    with transaction(engine) as session:
        metrics.ERASED_LETTERS.inc(erasure.erase_late_letters(session))
    with transaction(engine) as session:
        metrics.AUDIT_BROKEN.set(audit_chain.broken_place(session))


def _note(engine: Engine, rule: str, days: int, dropped: int) -> None:
    metrics.DROPPED.labels(kind=rule).inc(dropped)
    retention.note_run(engine, rule, days=days, dropped=dropped)
