"""What goes because of its age, and what goes because a person was erased; and whether the audit still fits."""

import logging
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from stressvision_store import audit_chain, erasure, retention
from stressvision_store.session import transaction
from stressvision_worker import metrics
from stressvision_worker.settings import Settings

log = logging.getLogger(__name__)


def apply_retention(engine: Engine, settings: Settings) -> None:
    """Drop what is too old by each rule, and note the run; then what came late for erased time. Look at the audit.

    One rule that fails stops no other: a backup that runs for hours lets no day of raw events go.
    """
    rules: dict[str, tuple[int, Callable[..., int]]] = {
        "raw": (settings.raw_days, _drop_raw_events),
        "dead_letters": (settings.dead_letter_days, partial(retention.delete_old, rule="dead_letters")),
        "rollups": (settings.rollup_days, partial(retention.delete_old, rule="rollups")),
        "tombstones": (settings.tombstone_days, partial(retention.delete_old, rule="tombstones")),
        "audit": (settings.audit_days, retention.drop_audit_entries),
    }
    failed: DBAPIError | None = None
    for rule, (days, drop) in rules.items():
        try:
            dropped = drop(engine, days=days)
            retention.note_run(engine, rule, days=days, dropped=dropped)
        except DBAPIError as error:
            log.warning("what is too old by this rule stays until the next run", extra={"rule": rule}, exc_info=True)
            failed = failed or error
        else:
            metrics.DROPPED.labels(kind=rule).inc(dropped)
    with transaction(engine) as session:
        metrics.ERASED_LETTERS.inc(erasure.erase_late_letters(session))
    with transaction(engine) as session:
        metrics.AUDIT_BROKEN.set(audit_chain.broken_place(session))
    if failed is not None:
        raise failed


def _drop_raw_events(engine: Engine, *, days: int) -> int:
    dropped = 0
    for partition in retention.drop_raw_events(engine, days=days):
        dropped += partition.dropped
        log.info("raw events dropped", extra={"partition": partition.name, "dropped": partition.dropped})
    return dropped
