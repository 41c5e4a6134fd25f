"""The ledger of consents: lines are added and withdrawn, never rewritten."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from stressvision_store import looks
from stressvision_store.changes import attribution_changed
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.workforce_tables import Consent, Employee

CLOCK_SLACK = timedelta(minutes=5)
"""How far ahead of ours the clock of whoever reports may be."""


def refuse_future(at: datetime, field: str) -> None:
    if at > datetime.now(UTC) + CLOCK_SLACK:
        raise InvalidError(f"{at.isoformat()} is in the future; write when it happened", field=field)


def give_consent(
    session: Session,
    *,
    employee_id: int,
    notice_version: str,
    given_at: datetime,
    language: str | None = None,
    by: str | None = None,
) -> Consent:
    """From `given_at` on, what is observed may be attributed to this person. `by`: who writes it down."""
    employee = one(session, Employee, employee_id, "employee", lock=True)
    refuse_future(given_at, "given_at")
    for earlier in consents_of(session, employee_id, notice_version):
        if earlier.withdrawn_at is None:
            raise ConflictError(
                f"{employee.pseudonym!r} consented to notice {notice_version!r} on "
                f"{earlier.given_at.isoformat()} already; withdraw that first",
                field="given_at",
            )
        if given_at < earlier.withdrawn_at:
            raise ConflictError(
                f"{employee.pseudonym!r} withdrew on {earlier.withdrawn_at.isoformat()}; a new consent is later",
                field="given_at",
            )
    consent = Consent(
        employee_id=employee_id, notice_version=notice_version, given_at=given_at, language=language, recorded_by=by
    )
    session.add(consent)
    attribution_changed(session, employee_id=employee_id, since=given_at)
    return consent


def withdraw_consent(session: Session, consent_id: int, *, withdrawn_at: datetime, by: str | None = None) -> Consent:
    """From `withdrawn_at` on nothing is attributed by this consent, and what has been meanwhile is taken back."""
    consent = one(session, Consent, consent_id, "consent", lock=True)
    refuse_future(withdrawn_at, "withdrawn_at")
    if consent.withdrawn_at is not None:
        raise ConflictError(f"consent {consent_id} was withdrawn on {consent.withdrawn_at.isoformat()}")
    if withdrawn_at < consent.given_at:
        raise InvalidError(f"it was given on {consent.given_at.isoformat()}, after that", field="withdrawn_at")
    consent.withdrawn_at, consent.withdrawn_by = withdrawn_at, by
    attribution_changed(session, employee_id=consent.employee_id, since=withdrawn_at)
    looks.end_barred(session, consent.employee_id, actor=by or "withdrawal")
    return consent


def withdraw_all(
    session: Session, employee_id: int, *, withdrawn_at: datetime, by: str | None = None
) -> Sequence[Consent]:
    """Withdraw every active consent of a person, whatever the notice: nothing is attributed any more."""
    withdrawn = withdraw_active(session, employee_id, withdrawn_at=withdrawn_at, by=by)
    if not withdrawn:
        raise ConflictError(f"employee {employee_id} has no active consent")
    return withdrawn


def withdraw_active(
    session: Session, employee_id: int, *, withdrawn_at: datetime, by: str | None = None
) -> Sequence[Consent]:
    """As `withdraw_all`, where there may be none."""
    one(session, Employee, employee_id, "employee", lock=True)
    active = session.exec(
        select(Consent)
        .where(col(Consent.employee_id) == employee_id, col(Consent.withdrawn_at).is_(None))
        .order_by(col(Consent.id))
    ).all()
    return [
        withdraw_consent(session, row.id or 0, withdrawn_at=max(withdrawn_at, row.given_at), by=by) for row in active
    ]


def consents_of(session: Session, employee_id: int, notice_version: str) -> Sequence[Consent]:
    return session.exec(
        select(Consent)
        .where(col(Consent.employee_id) == employee_id, col(Consent.notice_version) == notice_version)
        .order_by(col(Consent.given_at))
    ).all()


def list_consents(
    session: Session, *, employee_id: int | None = None, after: int | None, limit: int
) -> Sequence[Consent]:
    statement = select(Consent)
    if employee_id is not None:
        statement = statement.where(col(Consent.employee_id) == employee_id)
    return take(session, statement, key=col(Consent.id), after=after, limit=limit)
