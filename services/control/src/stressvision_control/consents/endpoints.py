"""Consents: without one that is active, nothing is attributed to a person."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.consents.schemas import ConsentView, FullWithdrawal, NewConsent, Withdrawal
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, PathId
from stressvision_control.security import CallerDep, PersonalReadDep, allow
from stressvision_store import audit, consents
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Consent

router = APIRouter(prefix="/v1/consents", tags=["consents"])
keepers = allow("admin", "operator", "privacy")


@router.get("", summary="List consents", **keepers)
def list_consents(
    session: SessionDep,
    read: PersonalReadDep,
    page: PageDep,
    employee_id: Annotated[Id | None, Query()] = None,
) -> Page[ConsentView]:
    rows = consents.list_consents(session, employee_id=employee_id, after=page.after, limit=page.limit)
    subject = f"employee {employee_id}" if employee_id is not None else "all employees"
    read.note("consent.list", subject, shown=len(rows))
    return paged([ConsentView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Record a consent", status_code=201, **keepers)
def give_consent(session: SessionDep, caller: CallerDep, body: NewConsent) -> ConsentView:
    row = consents.give_consent(
        session,
        employee_id=body.employee_id,
        notice_version=body.notice_version,
        given_at=body.given_at or datetime.now(UTC),
        language=body.language,
        by=caller.actor,
    )
    audit.append(
        session,
        actor=caller.actor,
        action="consent.give",
        subject=f"employee {row.employee_id}",
        consent_id=row.id,
        notice_version=row.notice_version,
        language=row.language,
        given_at=row.given_at.isoformat(),
    )
    return ConsentView.model_validate(row)


@router.get("/{consent_id}", summary="Show a consent", **keepers)
def show_consent(session: SessionDep, read: PersonalReadDep, consent_id: PathId) -> ConsentView:
    row = one(session, Consent, consent_id, "consent")
    read.note("consent.read", f"employee {row.employee_id}", consent_id=consent_id)
    return ConsentView.model_validate(row)


@router.post("/withdraw", summary="Record that a person withdraws every consent", **keepers)
def withdraw_all(session: SessionDep, caller: CallerDep, body: FullWithdrawal) -> list[ConsentView]:
    """From then on nothing is attributed to the person, and what has been meanwhile is taken back."""
    withdrawn_at = body.withdrawn_at or datetime.now(UTC)
    rows = consents.withdraw_all(session, body.employee_id, withdrawn_at=withdrawn_at, by=caller.actor)
    return [_noted(session, caller, row) for row in rows]


@router.post("/{consent_id}/withdraw", summary="Record that one consent is withdrawn", **keepers)
def withdraw_consent(session: SessionDep, caller: CallerDep, consent_id: PathId, body: Withdrawal) -> ConsentView:
    """If no other consent is active, nothing is attributed to the person from then on."""
    withdrawn_at = body.withdrawn_at or datetime.now(UTC)
    row = consents.withdraw_consent(session, consent_id, withdrawn_at=withdrawn_at, by=caller.actor)
    return _noted(session, caller, row)


def _noted(session: SessionDep, caller: CallerDep, row: Consent) -> ConsentView:
    audit.append(
        session,
        actor=caller.actor,
        action="consent.withdraw",
        subject=f"employee {row.employee_id}",
        consent_id=row.id,
        withdrawn_at=row.withdrawn_at.isoformat() if row.withdrawn_at is not None else None,
    )
    return ConsentView.model_validate(row)
