"""Shifts: when people work, in the local time of their site."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Name, PathId
from stressvision_control.security import CallerDep, allow
from stressvision_control.shifts.schemas import NewShift, ShiftChange, ShiftView, hours_after, hours_in, view_of
from stressvision_store import audit, shifts
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Shift

router = APIRouter(prefix="/v1/shifts", tags=["shifts"])
readers = allow("admin", "operator", "hr", "safety", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List shifts", **readers)
def list_shifts(
    session: SessionDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    name: Annotated[Name | None, Query()] = None,
) -> Page[ShiftView]:
    rows = shifts.list_shifts(session, site_id=site_id, name=name, after=page.after, limit=page.limit)
    return paged([view_of(session, row) for row in rows], page.limit)


@router.post("", summary="Create a shift", status_code=201, **writers)
def create_shift(session: SessionDep, caller: CallerDep, body: NewShift) -> ShiftView:
    """Shifts of one site never overlap: each moment belongs to one at most."""
    shift = shifts.create_shift(session, site_id=body.site_id, name=body.name, hours=hours_in(body))
    subject = f"shift {shift.id}"
    audit.append(session, actor=caller.actor, action="shift.create", subject=subject, **body.model_dump(mode="json"))
    return view_of(session, shift)


@router.get("/{shift_id}", summary="Show a shift", **readers)
def show_shift(session: SessionDep, shift_id: PathId) -> ShiftView:
    return view_of(session, one(session, Shift, shift_id, "shift"))


@router.patch("/{shift_id}", summary="Change a shift", **writers)
def change_shift(session: SessionDep, caller: CallerDep, shift_id: PathId, body: ShiftChange) -> ShiftView:
    """New hours hold for the past too: what was observed at the site is rolled up again."""
    before = shifts.hours_of(session, one(session, Shift, shift_id, "shift"))
    shift = shifts.change_shift(session, shift_id, name=body.name, hours=hours_after(body, before))
    audit.append(
        session,
        actor=caller.actor,
        action="shift.change",
        subject=f"shift {shift_id}",
        **body.model_dump(mode="json", exclude_unset=True),
    )
    return view_of(session, shift)


@router.delete("/{shift_id}", summary="Delete a shift that nobody is assigned to", status_code=204, **writers)
def delete_shift(session: SessionDep, caller: CallerDep, shift_id: PathId) -> None:
    shifts.delete_shift(session, shift_id)
    audit.append(session, actor=caller.actor, action="shift.delete", subject=f"shift {shift_id}")
