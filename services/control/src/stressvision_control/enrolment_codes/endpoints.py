"""Enrolment codes: each lets one device join, once."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path

from stressvision_control.dependencies import Page, SessionDep, WordPageDep, paged
from stressvision_control.enrolment_codes.schemas import CodeShownOnce, CodeView, NewCode
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, enrolment_codes
from stressvision_store.tables import EnrolmentCode

router = APIRouter(prefix="/v1/enrolment-codes", tags=["enrolment codes"])
operators = allow("admin", "operator")

CodeId = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", description="The SHA-256 of the code, in hex")]


@router.get("", summary="List enrolment codes, without the codes", **operators)
def list_codes(session: SessionDep, page: WordPageDep) -> Page[CodeView]:
    rows = enrolment_codes.list_codes(session, after=page.after, limit=page.limit)
    return paged([CodeView(**_columns(row)) for row in rows], page.limit)


@router.post("", summary="Make an enrolment code, shown once", status_code=201, **operators)
def create_code(session: SessionDep, caller: CallerDep, body: NewCode) -> CodeShownOnce:
    row, code = enrolment_codes.create_code(
        session, station_id=body.station_id, valid_for=timedelta(hours=body.valid_hours)
    )
    audit.append(
        session,
        actor=caller.actor,
        action="enrolment_code.create",
        subject=f"enrolment code {row.code_hash.hex()[:12]}",
        **body.model_dump(),
    )
    return CodeShownOnce(code=code, **_columns(row))


@router.delete("/{code_id}", summary="Withdraw a code that nobody has used", **operators)
def withdraw_code(session: SessionDep, caller: CallerDep, code_id: CodeId) -> CodeView:
    row = enrolment_codes.withdraw_code(session, code_id)
    audit.append(
        session,
        actor=caller.actor,
        action="enrolment_code.withdraw",
        subject=f"enrolment code {code_id[:12]}",
    )
    return CodeView(**_columns(row))


def _columns(row: EnrolmentCode) -> dict[str, Any]:
    return {"id": row.code_hash.hex()} | row.model_dump(exclude={"code_hash"})
