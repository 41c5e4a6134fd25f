"""Assignments: the roster, line by line."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlmodel import Session

from stressvision_control.assignments.schemas import AssignmentView, DatesChange, NewAssignment
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, PathId
from stressvision_control.security import Caller, CallerDep, PersonalReadDep, allow
from stressvision_store import assignments, audit
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Assignment

router = APIRouter(prefix="/v1/assignments", tags=["assignments"])
readers = allow("admin", "operator", "safety", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List assignments", **readers)
def list_assignments(
    session: SessionDep,
    read: PersonalReadDep,
    page: PageDep,
    employee_id: Annotated[Id | None, Query()] = None,
    station_id: Annotated[Id | None, Query()] = None,
    shift_id: Annotated[Id | None, Query()] = None,
    on: Annotated[date | None, Query(description="Only those that hold on this date")] = None,
) -> Page[AssignmentView]:
    rows = assignments.list_assignments(
        session,
        employee_id=employee_id,
        station_id=station_id,
        shift_id=shift_id,
        on=on,
        after=page.after,
        limit=page.limit,
    )
    subject = f"employee {employee_id}" if employee_id is not None else "all employees"
    read.note("assignment.list", subject, shown=len(rows))
    return paged([AssignmentView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Assign an employee to a station and shift", status_code=201, **writers)
def create_assignment(session: SessionDep, caller: CallerDep, body: NewAssignment) -> AssignmentView:
    """What was observed on those dates is attributed anew."""
    row = assignments.create_assignment(session, **dict(body))
    _note(session, caller, "create", row, **body.model_dump(mode="json", exclude={"employee_id"}))
    return AssignmentView.model_validate(row)


@router.get("/{assignment_id}", summary="Show an assignment", **readers)
def show_assignment(session: SessionDep, read: PersonalReadDep, assignment_id: PathId) -> AssignmentView:
    row = one(session, Assignment, assignment_id, "assignment")
    read.note("assignment.read", f"employee {row.employee_id}", assignment_id=assignment_id)
    return AssignmentView.model_validate(row)


@router.patch("/{assignment_id}", summary="Change an assignment's dates", **writers)
def change_dates(session: SessionDep, caller: CallerDep, assignment_id: PathId, body: DatesChange) -> AssignmentView:
    before = one(session, Assignment, assignment_id, "assignment")
    last_date = body.last_date if "last_date" in body.model_fields_set else before.last_date
    row = assignments.change_dates(
        session, assignment_id, first_date=body.first_date or before.first_date, last_date=last_date
    )
    _note(session, caller, "change", row, **body.model_dump(mode="json", exclude_unset=True))
    return AssignmentView.model_validate(row)


@router.delete("/{assignment_id}", summary="Delete an assignment entered by mistake", status_code=204, **writers)
def delete_assignment(session: SessionDep, caller: CallerDep, assignment_id: PathId) -> None:
    row = one(session, Assignment, assignment_id, "assignment", lock=True)
    _note(session, caller, "delete", row)
    assignments.delete_assignment(session, assignment_id)


def _note(session: Session, caller: Caller, verb: str, row: Assignment, **detail: Any) -> None:
    """With the person for a subject: it is shown to them."""
    audit.append(
        session,
        actor=caller.actor,
        action=f"assignment.{verb}",
        subject=f"employee {row.employee_id}",
        assignment_id=row.id,
        **detail,
    )
