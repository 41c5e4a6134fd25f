"""Erasing a person: all that is kept of them, and a tombstone for what may still arrive.

What stays: the audit (a bare number in it), sums over areas of days whose five-minute rows are gone, and the tombstone
(which device, which hours, and no person). All happens in the caller's transaction, or nothing.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Table, text
from sqlmodel import Session, col, select

from stressvision_store import audit, audit_chain, pictures, presence, publication, rollups
from stressvision_store.marks import BUCKET_SQL, NOWHERE, lock_sites, sites_of
from stressvision_store.paging import one
from stressvision_store.presence import Stretch
from stressvision_store.privacy_tables import ErasedSpan, Erasure
from stressvision_store.refusals import InvalidError
from stressvision_store.schema import METADATA
from stressvision_store.workforce_tables import Employee

REACH = timedelta(days=402)
"""How far back a tombstone goes: ingest takes no event older than 400 days."""

OWN_WAY = frozenset({"rollup_windows", "rollup_shifts", "pictures", "employees", "erasures", "published_members"})
"""Tables with an `employee_id` that are not emptied by it alone, or not at all."""

_EVENTS = f"""
WITH gone AS (
    DELETE FROM events e USING erased_spans s
    WHERE s.erasure_id = :erasure AND e.device_id = s.device_id AND e.started_at >= s.from_at AND e.started_at < s.to_at
      AND e.kind IN (1, 2)
    RETURNING e.device_id, e.started_at
), marked AS (
    INSERT INTO dirty_windows (device_id, bucket_at)
    SELECT DISTINCT device_id, date_bin({BUCKET_SQL.format("started_at")}) FROM gone
)
SELECT count(*) FROM gone
"""  # noqa: S608
_ALERTS = """
DELETE FROM alerts a USING erased_spans s
WHERE s.erasure_id = :erasure AND a.device_id = s.device_id AND a.started_at >= s.from_at AND a.started_at < s.to_at
"""
_LETTERS = "SELECT id, device_id, body, sent_at, received_at FROM dead_letters WHERE device_id = ANY(:devices)"


def person_tables() -> list[Table]:
    """Every table with a column `employee_id`, but those that are dealt with in their own way."""
    tables = METADATA.tables.values()
    return [table for table in tables if "employee_id" in table.columns and table.name not in OWN_WAY]


def erase(
    session: Session, employee_id: int, *, confirm: str, actor: str, reason: str, at: datetime | None = None
) -> Erasure:
    """Erase a person whose pseudonym is `confirm`; return what it took, with its place in the audit's chain."""
    employee = one(session, Employee, employee_id, "employee", lock=True)
    if confirm != employee.pseudonym:
        raise InvalidError("this is not the pseudonym of that employee; nothing was erased", field="confirm")
    now = at or datetime.now(UTC)
    devices = presence.devices_of(session, employee_id)
    # the person's own site, too, whatever the roster says of devices by now: figures and reports of it are made there
    lock_sites(session, [NOWHERE, employee.site_id, *sites_of(session, devices)])
    spans = presence.stretches(session, employee_id, since=now - REACH, until=now)
    erasure = Erasure(
        employee_id=employee_id, site_id=employee.site_id, erased_at=now, erased_by=actor, reason=reason,
        counts={}, audit_place=0, audit_hash=b"",
    )  # fmt: skip
    session.add(erasure)
    session.flush()
    lay_tombstones(session, erasure, [(span.device_id, span.from_at, span.to_at) for span in spans])
    counts = _empty(session, erasure, spans, devices)
    # `counts` is written once: JSON columns do not notice what changes inside
    session.delete(employee)
    session.flush()
    counts["employees"] = 1
    erasure.counts = counts
    audit.append(
        session, actor=actor, action="privacy.erase", subject=f"employee {employee_id}", reason=reason, counts=counts
    )
    erasure.audit_place, erasure.audit_hash = audit_chain.seal(session)
    session.flush()
    return erasure


def lay_tombstones(session: Session, erasure: Erasure, spans: Sequence[tuple[int, datetime, datetime]]) -> None:
    session.add_all(
        ErasedSpan(erasure_id=erasure.id or 0, device_id=device, from_at=from_at, to_at=to_at)
        for device, from_at, to_at in spans
    )
    session.flush()


def _empty(session: Session, erasure: Erasure, spans: Sequence[Stretch], devices: Sequence[int]) -> dict[str, int]:
    """Rows that went, by table."""
    key, person = {"erasure": erasure.id}, {"employee_id": erasure.employee_id}
    counts = {"events": int(session.scalar(text(_EVENTS), key) or 0)}
    counts["dead_letters"] = erase_letters(session, [(s.device_id, s.from_at, s.to_at) for s in spans], devices)
    counts["published_cells"] = publication.withdraw_person(session, erasure.employee_id)
    counts["rollup_windows"] = rollups.erase_windows(session, erasure.employee_id)
    # what erase_windows leaves are shifts whose five minutes went with their age
    shifts = session.execute(text("DELETE FROM rollup_shifts WHERE employee_id = :employee_id"), person)
    counts["rollup_shifts"] = shifts.rowcount  # type: ignore[attr-defined]
    counts["pictures"] = pictures.erase_person(session, erasure.employee_id)
    late_alerts = session.execute(text(_ALERTS), key).rowcount  # type: ignore[attr-defined]
    for table in person_tables():
        done = session.execute(table.delete().where(table.c.employee_id == erasure.employee_id))
        counts[table.name] = done.rowcount  # type: ignore[attr-defined]
    counts["alerts"] += late_alerts
    return dict(sorted(counts.items()))


def erase_letters(
    session: Session,
    spans: Sequence[tuple[int, datetime, datetime]],
    devices: Sequence[int],
    *,
    since: datetime | None = None,
) -> int:
    """Delete the dead letters of these devices that speak of one of the spans, or may; return how many.

    A letter speaks of the time that stands in it, by the device's clock and by ours. One that nobody can read may speak
    of any time before it came. `since`: only letters that came from then on.
    """
    first = {device: min(from_at for d, from_at, _ in spans if d == device) for device in {d for d, _, _ in spans}}
    doomed = []
    for letter in session.execute(text(_LETTERS), {"devices": list(devices)}):
        if letter.device_id not in first or (since is not None and letter.received_at < since):
            continue
        moments = _moments(bytes(letter.body), letter.sent_at, letter.received_at)
        own = [(from_at, to_at) for device, from_at, to_at in spans if device == letter.device_id]
        unreadable = not moments and letter.received_at >= first[letter.device_id]
        if unreadable or any(from_at <= at < to_at for at in moments for from_at, to_at in own):
            doomed.append(letter.id)
    if doomed:
        session.execute(text("DELETE FROM dead_letters WHERE id = ANY(:ids)"), {"ids": doomed})
    return len(doomed)


def _moments(body: bytes, sent_at: datetime | None, received_at: datetime) -> list[datetime]:
    """When a refused event began: as it says, and with its clock put right by when its batch was sent and came."""
    try:
        at = datetime.fromisoformat(json.loads(body)["started_at"])
        said = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        return [said, said + (received_at - sent_at)] if sent_at is not None else [said]
    except (ValueError, TypeError, KeyError, OverflowError):
        return []


def erase_late_letters(session: Session) -> int:
    """Delete the dead letters that came after an erasure and speak of what it erased; return how many."""
    total = 0
    for erasure in list_erasures(session):
        rows = session.execute(
            text("SELECT device_id, from_at, to_at FROM erased_spans WHERE erasure_id = :id"), {"id": erasure.id}
        )
        spans = [(row.device_id, row.from_at, row.to_at) for row in rows]
        devices = {device for device, _, _ in spans}
        total += erase_letters(session, spans, sorted(devices), since=erasure.erased_at)
    return total


def list_erasures(session: Session) -> Sequence[Erasure]:
    return session.exec(select(Erasure).order_by(col(Erasure.id))).all()


def ledger(session: Session) -> list[dict[str, Any]]:
    """All that it takes to erase the same people again in an older copy of the database."""
    spans = session.execute(text("SELECT erasure_id, device_id, from_at, to_at FROM erased_spans ORDER BY 1, 2, 3"))
    of: dict[int, list[list[Any]]] = {}
    for row in spans:
        of.setdefault(row.erasure_id, []).append([row.device_id, row.from_at.isoformat(), row.to_at.isoformat()])
    return [
        {
            "employee_id": row.employee_id,
            "site_id": row.site_id,
            "erased_at": row.erased_at.isoformat(),
            "erased_by": row.erased_by,
            "reason": row.reason,
            "spans": of.get(row.id or 0, []),
        }
        for row in list_erasures(session)
    ]


def erase_again(session: Session, line: Mapping[str, Any], *, actor: str) -> bool:
    """Do an erasure of the ledger in this database, where it has not been done; whether there was something to do."""
    erased_at = datetime.fromisoformat(line["erased_at"])
    known = select(Erasure.id).where(
        col(Erasure.employee_id) == line["employee_id"], col(Erasure.erased_at) == erased_at
    )
    if session.exec(known).first() is not None:
        return False
    employee = session.get(Employee, line["employee_id"])
    reason = f"erased on {line['erased_at']} by {line['erased_by']}, again after a restore: {line['reason']}"
    if employee is not None:
        erasure = erase(
            session, line["employee_id"], confirm=employee.pseudonym, actor=actor, reason=reason, at=erased_at
        )
    else:  # the copy is older than the person, or younger than the erasure's rows
        erasure = Erasure(
            employee_id=line["employee_id"], site_id=line["site_id"], erased_at=erased_at, erased_by=actor,
            reason=reason, counts={}, audit_place=0, audit_hash=b"",
        )  # fmt: skip
        session.add(erasure)
        session.flush()
    _lay_missing(session, erasure, line["spans"])
    return True


def _lay_missing(session: Session, erasure: Erasure, spans: Sequence[Sequence[Any]]) -> None:
    """The tombstones as they were first laid; the copy's roster may know less."""
    statement = text(
        "INSERT INTO erased_spans (erasure_id, device_id, from_at, to_at) "
        "VALUES (:erasure, :device, :from_at, :to_at) ON CONFLICT DO NOTHING"
    )
    for device, from_at, to_at in spans:
        session.execute(statement, {"erasure": erasure.id, "device": device, "from_at": from_at, "to_at": to_at})
    session.execute(text(_EVENTS), {"erasure": erasure.id})
