"""Looks at one person: nobody sees one person's shifts without having said why, and the person is told."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import PathId
from stressvision_control.looks.schemas import LookView, NewLook, view_of
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, looks

router = APIRouter(prefix="/v1/looks", tags=["looks"])
overseers = allow("safety", "privacy")


@router.post("", summary="Open a look at one person", status_code=201, **allow("safety"))
def open_look(session: SessionDep, caller: CallerDep, body: NewLook) -> LookView:
    """For so many hours, safety officers' dashboards show this person. The officer is the name on the token."""
    placed = looks.open_look(
        session,
        pseudonym=body.employee,
        officer=caller.name,
        actor=caller.actor,
        reason=body.reason,
        lasting=timedelta(hours=body.hours),
    )
    return view_of(placed)


@router.get("", summary="List looks, the newest first", **overseers)
def list_looks(
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    live: Annotated[bool, Query(description="Only those that last")] = False,
) -> Page[LookView]:
    rows = looks.list_looks(session, live=live, after=page.after, limit=page.limit)
    audit.append(session, actor=caller.actor, action="look.list", subject="looks", live=live, shown=len(rows))
    return paged([view_of(row) for row in rows], page.limit)


@router.post("/{look_id}/end", summary="End a look before its time", **overseers)
def end_look(session: SessionDep, caller: CallerDep, look_id: PathId) -> LookView:
    return view_of(looks.end_look(session, look_id, actor=caller.actor))
