"""What is stored about one person, for that person: complete, and without a word about anybody else."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, Table, text
from sqlmodel import Session

from stressvision_store import presence
from stressvision_store.erasure import REACH, person_tables
from stressvision_store.paging import one
from stressvision_store.people import name_of
from stressvision_store.workforce_tables import Employee, Site

Row = dict[str, Any]
KINDS = {1: "window", 2: "episode"}
PHASES = {1: "open", 2: "close"}
CONDITIONS = {1: "stress", 2: "fatigue"}

_PLACED = """
SELECT {fields}, st.name AS station, a.name AS area, z.name AS site
FROM {table} t JOIN stations st ON st.id = t.station_id
JOIN areas a ON a.id = st.area_id JOIN sites z ON z.id = a.site_id
{joins} WHERE t.employee_id = :employee_id ORDER BY t.id
"""
_SECTIONS: Mapping[str, str] = {
    "consents": """
SELECT c.id, c.notice_version, c.language, c.given_at, c.recorded_by, c.withdrawn_at, c.withdrawn_by,
    n.text AS notice
FROM consents c LEFT JOIN notices n ON n.version = c.notice_version AND n.language = coalesce(c.language, 'es')
WHERE c.employee_id = :employee_id ORDER BY c.id""",
    "assignments": _PLACED.format(
        table="assignments",
        fields="t.first_date, t.last_date, h.name AS shift",
        joins="JOIN shifts h ON h.id = t.shift_id",
    ),
    "check_ins": _PLACED.format(table="check_ins", fields="t.checked_in_at, t.checked_out_at", joins=""),
    "shifts": """
SELECT h.name AS shift, z.name AS site, r.* FROM rollup_shifts r
JOIN shifts h ON h.id = r.shift_id JOIN sites z ON z.id = r.site_id
WHERE r.employee_id = :employee_id ORDER BY r.starts_at""",
    "five_minutes": "SELECT * FROM rollup_windows WHERE employee_id = :employee_id ORDER BY bucket_at, device_id",
    "pictures": """
SELECT digest, media_type, width, height, is_crop, label, added_by, added_at, removed_at FROM pictures
WHERE employee_id = :employee_id ORDER BY added_at""",
    "published_members": """
SELECT z.name AS site, a.name AS area, h.name AS shift, c.shift_date, d.published_at
FROM published_members m JOIN published_cells c ON c.id = m.cell_id
JOIN published_days d ON d.site_id = c.site_id AND d.shift_date = c.shift_date
JOIN sites z ON z.id = c.site_id JOIN areas a ON a.id = c.area_id JOIN shifts h ON h.id = c.shift_id
WHERE m.employee_id = :employee_id ORDER BY c.shift_date, c.id""",
    "person_looks": """
SELECT officer, reason, since, until, ended_at FROM looks WHERE employee_id = :employee_id ORDER BY id""",
}
_LOOKS = """
SELECT at, actor, action, subject, reason FROM (
    SELECT id, at, actor, action, subject, detail->>'reason' AS reason FROM audit WHERE subject = :subject
    UNION ALL
    SELECT id, at, actor, action, subject, detail->>'reason' FROM audit
    WHERE (subject LIKE 'all %' OR subject = (SELECT 'site ' || site_id FROM employees WHERE id = :employee_id))
      AND (action LIKE '%.list' OR action LIKE '%.export')
) looks WHERE actor IS DISTINCT FROM :but ORDER BY id DESC LIMIT :newest
"""
_EVENTS = """
SELECT e.*
FROM unnest(:devices ::integer[], :froms ::timestamptz[], :tos ::timestamptz[]) AS s(device_id, from_at, to_at)
CROSS JOIN LATERAL (
    SELECT * FROM events e WHERE e.device_id = s.device_id AND e.started_at >= s.from_at AND e.started_at < s.to_at
      AND e.kind IN (1, 2) OFFSET 0
) e ORDER BY e.started_at
"""
_HIDDEN = frozenset({"employee_id", "content", "key", "badge_hash"})
"""Columns of no meaning to the person, or that open something."""

_OWN_SECTION = frozenset({"consents", "assignments", "check_ins", "employee_names", "looks"})


def collect(session: Session, employee_id: int) -> dict[str, Any]:
    """Everything, as JSON can carry it. Times in UTC; of five minutes and shifts in ms, probabilities in ppm.

    An erasure waits until the transaction ends: what is called complete is not half of it.
    """
    employee = one(session, Employee, employee_id, "employee", lock=True)
    site = one(session, Site, employee.site_id, "site")
    key = {"employee_id": employee_id}
    sections = {name: _rows(session, statement, key) for name, statement in _SECTIONS.items()}
    sections["looks"] = looks_at(session, employee_id)[::-1]
    for table in person_tables():
        if table.name not in _OWN_SECTION:
            sections[table.name] = _all_of(session, table, employee_id)
    sections["observations"] = _observations(session, employee_id)
    return {
        "made_at": datetime.now(UTC).isoformat(),
        "person": {
            "employee_id": employee_id,
            "pseudonym": employee.pseudonym,
            "name": name_of(session, employee_id),
            "has_badge": employee.badge_hash is not None,
            "site": site.name,
            "time_zone": site.time_zone,
            "site_profile": site.profile,
        },
        "counts": {name: len(rows) for name, rows in sections.items()},
        **sections,
    }


def looks_at(session: Session, employee_id: int, *, but: str | None = None, newest: int | None = None) -> list[Row]:
    """Who did or looked at what of the person, newest first; lists in which the person stands, too.

    `but`: not what this one did; `newest`: no more than so many.
    """
    key = {"employee_id": employee_id, "subject": f"employee {employee_id}", "but": but, "newest": newest}
    return _rows(session, _LOOKS, key)


def _rows(session: Session, statement: str, parameters: Mapping[str, Any]) -> list[Row]:
    return [_plain(row._mapping) for row in session.execute(text(statement), parameters)]


def _all_of(session: Session, table: Table, employee_id: int) -> list[Row]:
    """Of a table that this module knows nothing about: all but what is no text and no number."""
    columns = [column for column in table.columns if not isinstance(column.type, LargeBinary)]
    statement = table.select().with_only_columns(*columns).where(table.c.employee_id == employee_id)
    return [_plain(row._mapping) for row in session.execute(statement)]


def _observations(session: Session, employee_id: int) -> list[Row]:
    """The raw events of the person's time, those included that are attributed to nobody for want of a consent."""
    now = datetime.now(UTC)
    stretches = presence.stretches(session, employee_id, since=now - REACH, until=now)
    if not stretches:
        return []
    parameters = {
        "devices": [stretch.device_id for stretch in stretches],
        "froms": [stretch.from_at for stretch in stretches],
        "tos": [stretch.to_at for stretch in stretches],
    }
    rows = []
    for row in session.execute(text(_EVENTS), parameters):
        said = {name: value for name, value in _plain(row._mapping).items() if value is not None}
        said["kind"] = KINDS[row.kind]
        if row.kind == 2:
            said["phase"], said["condition"] = PHASES[row.phase], CONDITIONS[row.condition]
        rows.append(said)
    return rows


def _plain(row: Mapping[Any, Any]) -> Row:
    return {str(name): _word(value) for name, value in row.items() if name not in _HIDDEN}


def _word(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value
