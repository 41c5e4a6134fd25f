"""What is kept for how long. Raw events go by the day; the rollups made of them stay, and are not marked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

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


def delete_dead_letters(engine: Engine, *, days: int) -> int:
    """Delete the dead letters that came in before that many days ago; return how many."""
    with transaction(engine) as session:
        statement = "DELETE FROM dead_letters WHERE received_at < now() - make_interval(days => :days)"
        return int(session.execute(text(statement), {"days": days}).rowcount)  # type: ignore[attr-defined]
