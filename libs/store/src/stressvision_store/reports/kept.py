"""Reports made on schedule: what is due, and what was kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from stressvision_store.alert_tables import KeptReport
from stressvision_store.languages import Language
from stressvision_store.marks import lock_sites
from stressvision_store.paging import take
from stressvision_store.profiles import STRICTEST_FIRST
from stressvision_store.refusals import NotFoundError
from stressvision_store.reports.figures import Figures, shift_figures, week_figures
from stressvision_store.reports.rendering import Format, render

FORMATS: tuple[Format, ...] = ("html", "pdf")
"""As `REPORT_FORMATS`, typed."""

_DUE = """
WITH done AS (
    SELECT g.site_id, g.shift_id, g.shift_date, max(g.published_at) AS published_at
    FROM hr.group_shifts g WHERE g.shift_date >= current_date - 16
    GROUP BY 1, 2, 3
), wanted AS (
    SELECT 'shift' AS kind, site_id, shift_id, shift_date AS first_date, published_at
    FROM done WHERE shift_date >= current_date - 3
    UNION ALL
    SELECT 'week', d.site_id, 0, date_trunc('week', d.shift_date)::date, max(d.published_at)
    FROM done d JOIN hr.sites s ON s.site_id = d.site_id
    WHERE date_trunc('week', d.shift_date)::date >= current_date - 14
      AND (date_trunc('week', d.shift_date) + interval '7 days 9 hours') AT TIME ZONE s.time_zone <= now()
    GROUP BY 1, 2, 3, 4
)
SELECT w.kind, w.site_id, w.shift_id, w.first_date, coalesce(a.language, 'es') AS language
FROM wanted w LEFT JOIN alert_settings a ON a.site_id = w.site_id
WHERE (
    SELECT count(*) FROM reports r
    WHERE r.kind = w.kind AND r.site_id = w.site_id AND r.shift_id = w.shift_id AND r.first_date = w.first_date
      AND r.language = coalesce(a.language, 'es') AND r.made_at >= w.published_at) < 2
ORDER BY w.kind, w.first_date, w.site_id, w.shift_id LIMIT :limit
"""
"""A shift's report is due when its figures are published; a week's on Monday at nine in the morning, and again when
more of its days are published later. An erasure takes reports away, which are then due again. The last days only.
"""


_ORDER = f"ARRAY[{', '.join(repr(profile) for profile in STRICTEST_FIRST)}]"
_NARROWED = f"""
coalesce(array_position({_ORDER}, (SELECT s.profile::text FROM sites s WHERE s.id = reports.site_id))
    < array_position({_ORDER}, (
        SELECT p.profile::text FROM profile_periods p WHERE p.site_id = reports.site_id AND p.since <= reports.made_at
        ORDER BY p.since DESC LIMIT 1)), false)
"""  # noqa: S608
"""Of a report: it was made under a wider profile than its site has now, and so may say what is no longer to be said."""
_DROP = text(f"DELETE FROM reports WHERE {_NARROWED}")  # noqa: S608
_SAYABLE = text(f"NOT {_NARROWED}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """`shift_id` 0: of all shifts."""

    kind: str
    site_id: int
    shift_id: int
    first_date: date
    language: Language


def reports_due(session: Session, limit: int = 20) -> list[Due]:
    return [Due(**row._mapping) for row in session.execute(text(_DUE), {"limit": limit})]


def make_report(session: Session, due: Due) -> list[KeptReport]:
    """Make the report in every format and keep it in the place of one that was there. Commit afterwards.

    Until then nothing is published or erased at the site: what is read here is what the report is kept with.
    """
    lock_sites(session, [due.site_id], shared=True)
    figures = read_figures(session, due.kind, due.site_id, due.shift_id, due.first_date)
    return [_keep(session, due, each, render(figures, due.language, each)) for each in FORMATS]


def read_figures(session: Session, kind: str, site_id: int, shift_id: int, first_date: date) -> Figures:
    if kind == "shift":
        return shift_figures(session, site_id=site_id, shift_id=shift_id, day=first_date)
    return week_figures(session, site_id=site_id, monday=first_date)


def _keep(session: Session, due: Due, kind: Format, content: bytes) -> KeptReport:
    same = select(KeptReport).where(
        KeptReport.kind == due.kind,
        KeptReport.site_id == due.site_id,
        KeptReport.shift_id == due.shift_id,
        KeptReport.first_date == due.first_date,
        KeptReport.language == due.language,
        KeptReport.format == kind,
    )
    kept = session.exec(same).first() or KeptReport(
        kind=due.kind, site_id=due.site_id, shift_id=due.shift_id, first_date=due.first_date, language=due.language,
        format=kind, content=b"",
    )  # fmt: skip
    kept.content, kept.made_at = content, _now(session)
    session.add(kept)
    session.flush()
    return kept


def _now(session: Session) -> datetime:
    now: datetime = session.scalar(text("SELECT now()"))
    return now


def drop_narrowed(session: Session) -> int:
    """Delete what was made under a wider profile than the site has now; return how many reports."""
    return int(session.execute(_DROP).rowcount)  # type: ignore[attr-defined]


def load_report(session: Session, report_id: int) -> KeptReport:
    """Raise `NotFoundError`, also for one that was made under a wider profile than the site has now."""
    found = session.exec(select(KeptReport).where(KeptReport.id == report_id, _SAYABLE)).first()
    if found is None:
        raise NotFoundError(f"there is no report {report_id}")
    return found


def list_reports(
    session: Session, *, site_id: int | None, kind: str | None, after: int | None, limit: int
) -> Sequence[KeptReport]:
    """Newest first, without those that were made under a wider profile than the site has now."""
    statement = select(KeptReport).options(defer(KeptReport.content)).where(_SAYABLE)  # type: ignore[arg-type]
    if site_id is not None:
        statement = statement.where(KeptReport.site_id == site_id)
    if kind is not None:
        statement = statement.where(KeptReport.kind == kind)
    return take(session, statement, key=col(KeptReport.id), after=after, limit=limit, newest_first=True)
