"""Daily partitions of the raw events, on the time that is written in a UUIDv7."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, text
from sqlmodel import Session

from stressvision_store.session import transaction

DAYS_BACK = 30
DAYS_AHEAD = 7
"""What is kept ready; whatever lies outside waits in the default partition and moves when its day is made."""

_STRAY_DAYS = """
SELECT DISTINCT (to_timestamp(('x' || left(replace(event_id::text, '-', ''), 12))::bit(48)::bigint / 1000.0)
    AT TIME ZONE 'UTC')::date
FROM events_default WHERE event_id >= :from AND event_id < :to
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedPartition:
    """`dropped` events are gone; `kept` ones started later than their id says and now lie in the default partition."""

    name: str
    dropped: int
    kept: int


def lower_bound(day: date) -> UUID:
    """The smallest UUIDv7 of `day` in UTC."""
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return UUID(int=int(midnight.timestamp() * 1000) << 80)


def ensure_partitions(session: Session, days_back: int = DAYS_BACK, days_ahead: int = DAYS_AHEAD) -> int:
    """Make the missing partitions around today; return how many. Rows in the default partition move over."""
    today = datetime.now(UTC).date()
    return ensure_days(session, today - timedelta(days=days_back), today + timedelta(days=days_ahead))


def ensure_days(session: Session, first: date, last: date) -> int:
    """The same for the days from `first` to `last`, both included (1,000 at most)."""
    made = session.scalar(text("SELECT ensure_event_partitions(:first, :last)"), {"first": first, "last": last})
    return int(made or 0)


def days_of_strays(engine: Engine, *, days_back: int, days_ahead: int = DAYS_AHEAD) -> list[date]:
    """The days of that span, by their ids, whose events lie in the default partition because they had none."""
    today = datetime.now(UTC).date()
    first, last = today - timedelta(days=days_back), today + timedelta(days=days_ahead)
    with transaction(engine) as session:
        days = session.scalars(
            text(_STRAY_DAYS), {"from": lower_bound(first), "to": lower_bound(last + timedelta(days=1))}
        )
        return sorted(days)


def drop_oldest_partition(session: Session, before: date) -> DroppedPartition | None:
    """Drop the oldest partition of a day before `before`, or return None. It locks `events`: commit soon."""
    row = session.execute(text("SELECT * FROM drop_oldest_event_partition(:before)"), {"before": before}).first()
    return None if row is None else DroppedPartition(name=row[0], dropped=row[1], kept=row[2])


def drop_partitions_before(session: Session, before: date) -> list[DroppedPartition]:
    """Drop them all in one transaction; `retention.apply` takes them one by one instead."""
    dropped = []
    while (partition := drop_oldest_partition(session, before)) is not None:
        dropped.append(partition)
    return dropped


def purge_default_partition(session: Session, before: date) -> int:
    """Delete what lies in the default partition and started, or arrived, before `before`; return how many."""
    return int(session.scalar(text("SELECT purge_default_events(:before)"), {"before": before}) or 0)
