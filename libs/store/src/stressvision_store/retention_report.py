"""What is kept of people, what for, for how long, and whether that is kept to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session, select

from stressvision_store.privacy_tables import RetentionRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """`rule`: the rule of `retention_runs` by which rows go; without one, `until` says when they go.

    `age`: the expression that is a row's time. `slack`: days by which a row may be older than the rule says, because
    what goes by whole days, or once an hour, is never exact.
    """

    table: str
    purpose: str
    age: str
    rule: str | None = None
    until: str = ""
    slack: int = 2


NOT_YET: Final = "the worker has applied no rule yet"
OF_EMPLOYMENT: Final = "the person is erased"
PURPOSES: Final[tuple[Purpose, ...]] = (
    Purpose(table="events", purpose="rollups can be made anew", age="started_at", rule="raw"),
    Purpose(table="dead_letters", purpose="refused events can be sent again", age="received_at", rule="dead_letters"),
    Purpose(table="rollup_windows", purpose="a person's trend within a shift", age="bucket_at", rule="rollups"),
    Purpose(table="rollup_shifts", purpose="a person's trend over shifts", age="starts_at", rule="rollups"),
    Purpose(table="rollup_areas", purpose="trends of groups", age="starts_at", rule="rollups"),
    Purpose(table="published_cells", purpose="trends of groups, as published", age="shift_date", rule="rollups"),
    Purpose(table="published_members", purpose="withdrawing a group's figures when a person in it is erased",
            age="NULL::timestamptz", rule="rollups"),
    Purpose(table="published_spans", purpose="publishing no observation twice", age="shift_date", rule="rollups"),
    Purpose(table="reports", purpose="trends of groups, as they were told", age="first_date", rule="rollups"),
    Purpose(table="unattributed_windows", purpose="mending the roster", age="bucket_at", rule="rollups"),
    Purpose(table="check_ins", purpose="who was at which station", age="checked_in_at", rule="rollups"),
    Purpose(table="alerts", purpose="care for tired people, and how good the rule is", age="raised_at", rule="rollups"),
    Purpose(table="looks", purpose="showing a person to a safety officer, with a reason", age="until", rule="rollups"),
    Purpose(table="personal_links", purpose="a person's way to their own page", age="expires_at", rule="rollups"),
    Purpose(table="assignments", purpose="who was at which station", age="first_date", until=OF_EMPLOYMENT),
    Purpose(table="employees", purpose="a pseudonym to speak of", age="NULL::timestamptz", until=OF_EMPLOYMENT),
    Purpose(table="employee_names", purpose="answering the person", age="NULL::timestamptz", until=OF_EMPLOYMENT),
    Purpose(table="consents", purpose="proof of consent and withdrawal", age="given_at", until=OF_EMPLOYMENT),
    Purpose(table="objections", purpose="hearing a person who objects", age="raised_at", until=OF_EMPLOYMENT),
    Purpose(table="pictures", purpose="training models, with consent", age="added_at",
            until="removed, or the person is erased"),
    Purpose(table="audit", purpose="proof of who did or looked at what", age="at", rule="audit"),
    Purpose(table="erasures", purpose="proof of erasure", age="erased_at", until="never; it names nobody"),
    Purpose(table="erased_spans", purpose="keeping erased time empty", age="to_at", rule="tombstones"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One line of the report. `beyond`: rows older than they should be; None where no rule says when they go."""

    table: str
    purpose: str
    kept_days: int | None
    until: str
    rows: int
    oldest: datetime | None
    beyond: int | None
    applied_at: datetime | None


def report(session: Session) -> Sequence[Kept]:
    """A line a table. Raw events are counted by estimate, partition by partition."""
    runs = {run.rule: run for run in session.exec(select(RetentionRun))}
    return [_line(session, purpose, runs.get(purpose.rule or "")) for purpose in PURPOSES]


def _line(session: Session, purpose: Purpose, run: RetentionRun | None) -> Kept:
    bound = datetime.now(UTC) - timedelta(days=run.days + purpose.slack) if run is not None else None
    statement = _EVENTS if purpose.table == "events" else _COUNT.format(table=purpose.table, age=purpose.age)
    row = session.execute(text(statement), {"bound": bound}).one()
    return Kept(
        table=purpose.table,
        purpose=purpose.purpose,
        kept_days=run.days if run is not None else None,
        until=purpose.until or ("" if run is not None else NOT_YET),
        rows=row.rows,
        oldest=_moment(row.oldest),
        beyond=row.beyond if bound is not None else None,
        applied_at=run.applied_at if run is not None else None,
    )


def _moment(oldest: date | datetime | None) -> datetime | None:
    if oldest is None or isinstance(oldest, datetime):
        return oldest
    return datetime(oldest.year, oldest.month, oldest.day, tzinfo=UTC)


_COUNT = """
SELECT count(*) AS rows, min({age}) AS oldest, count(*) FILTER (WHERE {age} < :bound ::timestamptz) AS beyond
FROM {table}
"""
_EVENTS = """
WITH days AS (
    SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day, greatest(c.reltuples, 0)::bigint AS rows
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.events'::regclass AND c.relname ~ '^events_[0-9]{8}$')
SELECT coalesce(sum(rows), 0)::bigint AS rows, min(day) FILTER (WHERE rows > 0) AS oldest,
    coalesce(sum(rows) FILTER (WHERE day < :bound ::timestamptz), 0)::bigint AS beyond
FROM days
"""
