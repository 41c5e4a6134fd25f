"""What one person is shown of themselves: their shifts, what is kept, who looked, and how their consent stands.

All of it is quick to find; the whole, event by event, is `access_export`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session, col, select

from stressvision_store.access_export import looks_at
from stressvision_store.looks import PlacedLook, list_looks
from stressvision_store.objections import EMPLOYEE
from stressvision_store.paging import one
from stressvision_store.personal_tables import Objection
from stressvision_store.workforce_tables import Employee, Site

DAYS: Final = 28
"""Of the trend; as in the dashboards."""
MOST_LOOKS: Final = 60

_SHIFTS = """
SELECT h.name AS shift, r.shift_date, r.starts_at,
    r.observed_ms / 3600000.0 AS observed_hours,
    CASE WHEN r.scheduled_ms > 0 THEN least(1.0, r.observed_ms::float / r.scheduled_ms) ELSE 0.0 END AS coverage,
    CASE WHEN q.enough THEN least(1.0, r.fatigue_ms::float / r.observed_ms) END AS fatigue,
    CASE WHEN q.enough AND q.stress THEN least(1.0, r.stress_ms::float / r.observed_ms) END AS stress
FROM rollup_shifts r JOIN shifts h ON h.id = r.shift_id JOIN sites s ON s.id = r.site_id
CROSS JOIN LATERAL (
    SELECT r.observed_ms >= 0.2 * r.scheduled_ms AND r.observed_ms > 0 AS enough,
    s.profile NOT IN ('off', 'fatigue_only') AND NOT EXISTS (
        SELECT FROM profile_spans n WHERE n.site_id = s.id AND n.profile IN ('off', 'fatigue_only')
          AND n.since < r.ends_at AND n.until > r.starts_at
    ) AS stress
) q
WHERE r.employee_id = :employee_id AND r.starts_at >= now() - make_interval(days => :days)
ORDER BY r.starts_at
"""

_COUNTED: Final = {
    "rollup_shifts": "starts_at",
    "rollup_windows": "bucket_at",
    "alerts": "raised_at",
    "pictures": "added_at",
    "assignments": "first_date::timestamp AT TIME ZONE :zone",
    "check_ins": "checked_in_at",
    "consents": "given_at",
    "objections": "raised_at",
    "looks": "since",
    "personal_links": "made_at",
    "employee_names": "NULL::timestamptz",
}
"""Tables with rows about a person, and their time, in the order in which a person may care."""

_EVENTS = """
SELECT 'events' AS what, coalesce(sum(windows), 0)::bigint AS rows, min(bucket_at) AS oldest FROM rollup_windows
WHERE employee_id = :employee_id AND bucket_at >= now() - make_interval(days => coalesce(
    (SELECT days FROM retention_runs WHERE rule = 'raw'), 90))
"""
_AUDIT = "SELECT 'audit' AS what, count(*) AS rows, min(at) AS oldest FROM audit WHERE subject = :subject"
_COUNTS = " UNION ALL ".join(
    [
        *(
            f"SELECT '{table}', count(*), min({at}) FROM {table} WHERE employee_id = :employee_id"  # noqa: S608
            for table, at in _COUNTED.items()
        ),
        _EVENTS,
        _AUDIT,
    ]
)
_KEPT = f"SELECT what, rows, (oldest AT TIME ZONE :zone)::date AS oldest FROM ({_COUNTS}) AS c (what, rows, oldest)"  # noqa: S608
"""Days are those of the person's site."""
_RULES: Final = {
    "rollup_shifts": "rollups", "rollup_windows": "rollups", "alerts": "rollups", "check_ins": "rollups",
    "looks": "rollups", "personal_links": "rollups", "events": "raw", "audit": "audit",
}  # fmt: skip
_CONSENTS = """
SELECT c.notice_version, c.given_at, c.withdrawn_at, n.text, n.language
FROM consents c
LEFT JOIN LATERAL (
    SELECT text, language FROM notices n WHERE n.version = c.notice_version
    ORDER BY n.language = :language DESC LIMIT 1
) n ON true
WHERE c.employee_id = :employee_id ORDER BY c.given_at DESC, c.id DESC
"""


@dataclass(frozen=True, slots=True)
class OwnShift:
    """One shift of a person. Shares are of observed time, 0 to 1; None: not enough was observed, or nobody looked."""

    shift: str
    shift_date: date
    starts_at: datetime
    observed_hours: float
    coverage: float
    fatigue: float | None
    stress: float | None


@dataclass(frozen=True, slots=True)
class KeptRows:
    """How many rows of a table are about the person; `days`: after how many a row goes (None: no rule of age)."""

    table: str
    rows: int
    oldest: date | None
    days: int | None


@dataclass(frozen=True, slots=True)
class OwnConsent:
    """`text`: the notice in its words, where they are kept."""

    notice_version: str
    given_at: datetime
    withdrawn_at: datetime | None
    text: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnData:
    """`looked`: who looked or did something, newest first, at most `MOST_LOOKS`; `consents`, `objections` too."""

    pseudonym: str
    site: str
    time_zone: str
    profile: str
    consenting: bool
    shifts: Sequence[OwnShift]
    kept: Sequence[KeptRows]
    looking: Sequence[PlacedLook]
    looked: Sequence[dict[str, Any]]
    consents: Sequence[OwnConsent]
    objections: Sequence[Objection]


def own_data(session: Session, employee_id: int, *, language: str) -> OwnData:
    """`language` of the notices, where they are kept in it."""
    employee = one(session, Employee, employee_id, "employee")
    site = one(session, Site, employee.site_id, "site")
    key: dict[str, Any] = {
        "employee_id": employee_id, "subject": f"employee {employee_id}", "language": language, "zone": site.time_zone,
    }  # fmt: skip
    shifts = session.execute(text(_SHIFTS), key | {"days": DAYS})
    days = {row.rule: row.days for row in session.execute(text("SELECT rule, days FROM retention_runs"))}
    kept = (
        KeptRows(row.what, row.rows, row.oldest, days.get(_RULES.get(row.what, "")))
        for row in session.execute(text(_KEPT), key)
    )
    objections = select(Objection).where(Objection.employee_id == employee_id).order_by(col(Objection.id).desc())
    return OwnData(
        pseudonym=employee.pseudonym,
        site=site.name,
        time_zone=site.time_zone,
        profile=site.profile,
        consenting=bool(session.scalar(text("SELECT true FROM consenting WHERE employee_id = :employee_id"), key)),
        shifts=[OwnShift(**row._mapping) for row in shifts],
        kept=list(kept),
        looking=list_looks(session, live=True, employee_id=employee_id, after=None, limit=MOST_LOOKS),
        looked=looks_at(session, employee_id, but=EMPLOYEE, newest=MOST_LOOKS),
        consents=[OwnConsent(**row._mapping) for row in session.execute(text(_CONSENTS), key)],
        objections=session.exec(objections).all(),
    )
