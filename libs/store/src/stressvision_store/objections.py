"""A person's objection: it stops attribution at once, is heard by a privacy officer, and stays in the ledger.

Upheld, every consent is withdrawn as of the objection. Rejected or taken back, what is observed from then on is
attributed again; what was observed meanwhile stays nobody's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from sqlmodel import Session, col, func, select

from stressvision_store import audit, looks
from stressvision_store.changes import attribution_changed
from stressvision_store.consents import refuse_future, withdraw_active
from stressvision_store.paging import one, take
from stressvision_store.personal_tables import Objection
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import Employee

Decision = Literal["upheld", "rejected"]
EMPLOYEE: Final = "employee"
"""Who acts on a page of their own, in the audit and in the ledger."""


def raise_objection(
    session: Session, employee_id: int, *, words: str, actor: str, at: datetime | None = None
) -> Objection:
    """From `at` (now, where it is left out) nothing is attributed to the person until it is decided."""
    employee = one(session, Employee, employee_id, "employee", lock=True)
    known = open_objection(session, employee_id)
    if known is not None:
        raise ConflictError(f"objection {known.id} of {employee.pseudonym!r} is open already; decide that first")
    raised_at = at or _now(session)
    refuse_future(raised_at, "raised_at")
    row = Objection(employee_id=employee_id, text=words, raised_at=raised_at, recorded_by=actor)
    session.add(row)
    session.flush()
    session.refresh(row)
    audit.append(
        session, actor=actor, action="objection.raise", subject=f"employee {employee_id}", objection_id=row.id,
        raised_at=raised_at.isoformat(),
    )  # fmt: skip
    attribution_changed(session, employee_id=employee_id, since=raised_at)
    looks.end_barred(session, employee_id, actor=actor)
    return row


def decide(session: Session, objection_id: int, *, decision: Decision, reason: str, actor: str) -> Objection:
    """A privacy officer's answer, which the person is shown."""
    row = _close(session, objection_id, state=decision, actor=actor, reason=reason)
    if decision == "upheld":
        withdraw_active(session, row.employee_id, withdrawn_at=row.raised_at, by=actor)
    audit.append(
        session, actor=actor, action="objection.decide", subject=f"employee {row.employee_id}",
        objection_id=objection_id, decision=decision, reason=reason,
    )  # fmt: skip
    return row


def take_back(session: Session, objection_id: int, *, actor: str) -> Objection:
    """The person has changed their mind."""
    row = _close(session, objection_id, state="taken_back", actor=actor, reason=None)
    subject = f"employee {row.employee_id}"
    audit.append(session, actor=actor, action="objection.take_back", subject=subject, objection_id=objection_id)
    return row


def open_objection(session: Session, employee_id: int) -> Objection | None:
    """The one that waits for a decision."""
    statement = select(Objection).where(Objection.employee_id == employee_id, Objection.state == "open")
    return session.exec(statement).first()


def list_objections(
    session: Session, *, state: str | None = None, employee_id: int | None = None, after: int | None, limit: int
) -> Sequence[Objection]:
    statement = select(Objection)
    if state is not None:
        statement = statement.where(Objection.state == state)
    if employee_id is not None:
        statement = statement.where(Objection.employee_id == employee_id)
    return take(session, statement, key=col(Objection.id), after=after, limit=limit)


def _close(session: Session, objection_id: int, *, state: str, actor: str, reason: str | None) -> Objection:
    """`ended_at` is the moment of the transaction: before it, nothing was attributed; from it on, there may be."""
    row = one(session, Objection, objection_id, "objection", lock=True)
    if row.state != "open":
        raise ConflictError(f"objection {objection_id} is {row.state} already")
    if reason is not None and len(reason) < 10:
        raise InvalidError("say why in 10 characters or more; the person is shown it", field="reason")
    ended_at = max(_now(session), row.raised_at)
    row.state, row.ended_at, row.decided_by, row.decision = state, ended_at, actor, reason
    attribution_changed(session, employee_id=row.employee_id, since=ended_at)
    return row


def _now(session: Session) -> datetime:
    now: datetime = session.exec(select(func.now())).one()
    return now
