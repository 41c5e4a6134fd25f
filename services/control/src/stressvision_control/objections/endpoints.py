"""Objections: heard by a privacy officer; while one is open, nothing is attributed to the person."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, PathId
from stressvision_control.objections.schemas import NewObjection, ObjectionView, State, Verdict
from stressvision_control.security import CallerDep, PersonalReadDep, allow
from stressvision_store import objections

router = APIRouter(prefix="/v1/objections", tags=["privacy"])
officers = allow("admin", "privacy")


@router.get("", summary="List objections", **officers)
def list_objections(
    session: SessionDep,
    read: PersonalReadDep,
    page: PageDep,
    state: Annotated[State | None, Query()] = None,
    employee_id: Annotated[Id | None, Query()] = None,
) -> Page[ObjectionView]:
    rows = objections.list_objections(session, state=state, employee_id=employee_id, after=page.after, limit=page.limit)
    for number in sorted({row.employee_id for row in rows}):
        read.note("objection.list", f"employee {number}")
    return paged([ObjectionView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Record an objection that came on paper or by word", status_code=201, **officers)
def raise_objection(session: SessionDep, caller: CallerDep, body: NewObjection) -> ObjectionView:
    row = objections.raise_objection(session, body.employee_id, words=body.text, actor=caller.actor, at=body.raised_at)
    return ObjectionView.model_validate(row)


@router.post("/{objection_id}/decide", summary="Uphold or reject an objection", **officers)
def decide(session: SessionDep, caller: CallerDep, objection_id: PathId, body: Verdict) -> ObjectionView:
    row = objections.decide(session, objection_id, decision=body.decision, reason=body.reason, actor=caller.actor)
    return ObjectionView.model_validate(row)


@router.post("/{objection_id}/take-back", summary="Record that a person takes an objection back", **officers)
def take_back(session: SessionDep, caller: CallerDep, objection_id: PathId) -> ObjectionView:
    return ObjectionView.model_validate(objections.take_back(session, objection_id, actor=caller.actor))
