"""What is kept for how long. Raw events go by the day; the rollups made of them stay longer, and are not marked."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import Engine, text

from stressvision_store.partitions import DroppedPartition, drop_oldest_partition, purge_default_partition
from stressvision_store.session import transaction


def drop_raw_events(engine: Engine, *, days: int) -> Iterator[DroppedPartition]:
    """Drop the partitions of days that ended `days` ago, each in a transaction of its own, oldest first.

    The default partition is purged to the same day, and reported as a partition when it held anything.
    """
    before = (datetime.now(UTC) - timedelta(days=days)).date()
    while True:
        with transaction(engine) as session:
            dropped = drop_oldest_partition(session, before)
        if dropped is None:
            break
        yield dropped
    with transaction(engine) as session:
        purged = purge_default_partition(session, before)
    if purged:
        yield DroppedPartition(name="events_default", dropped=purged, kept=0)


BATCH = 20_000
"""Rows deleted in one transaction, so that none holds its locks for long."""

RULES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "dead_letters": (("dead_letters", "received_at < now() - make_interval(days => :days)"),),
    "rollups": (
        ("rollup_windows", "shift_date < current_date - :days"),
        ("rollup_shifts", "shift_date < current_date - :days"),
        ("rollup_areas", "shift_date < current_date - :days"),
        ("published_cells", "shift_date < current_date - :days"),
        ("published_spans", "shift_date < current_date - :days"),
        ("reports", "first_date < current_date - :days"),
        ("unattributed_windows", "bucket_at < now() - make_interval(days => :days)"),
        ("check_ins", "checked_in_at < now() - make_interval(days => :days)"),
        ("alerts", "raised_at < now() - make_interval(days => :days)"),
        ("looks", "until < now() - make_interval(days => :days)"),
        ("personal_links", "expires_at < now() - make_interval(days => :days)"),
    ),
    "tombstones": (("erased_spans", "to_at < now() - make_interval(days => :days)"),),
}
"""What goes by its age, row by row: of each rule the tables, and which of their rows are too old."""


def delete_old(engine: Engine, rule: str, *, days: int) -> int:
    """Delete what a rule says is too old after that many days; return how many rows."""
    total = 0
    for table, too_old in RULES[rule]:
        statement = text(
            f"DELETE FROM {table} WHERE ctid = ANY(ARRAY(SELECT ctid FROM {table} WHERE {too_old} LIMIT {BATCH}))"  # noqa: S608
        )
        gone = BATCH
        while gone == BATCH:
            with transaction(engine) as session:
                gone = int(session.execute(statement, {"days": days}).rowcount)  # type: ignore[attr-defined]
            total += gone
    return total


def drop_audit_entries(engine: Engine, *, days: int) -> int:
    """Drop the oldest entries of the audit; its chain goes on from them. Three years at least are kept."""
    with transaction(engine) as session:
        statement = text("SELECT drop_audit_entries(now() - make_interval(days => :days))")
        return int(session.scalar(statement, {"days": days}) or 0)


def note_run(engine: Engine, rule: str, *, days: int, dropped: int) -> None:
    """Write down that a rule was applied now, for the report."""
    with transaction(engine) as session:
        session.execute(text(_NOTE), {"rule": rule, "days": days, "dropped": dropped})


_NOTE = """
INSERT INTO retention_runs AS run (rule, days, applied_at, dropped) VALUES (:rule, :days, now(), :dropped)
ON CONFLICT (rule) DO UPDATE SET days = excluded.days, applied_at = now(), dropped = run.dropped + excluded.dropped
"""
