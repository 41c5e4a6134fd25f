"""Check-ins: a badge held to a station's reader outranks the roster."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from stressvision_control.check_ins.schemas import CheckInView, CheckOut, NewCheckIn
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Moment, PathId
from stressvision_control.security import CallerDep, PersonalReadDep, allow
from stressvision_store import audit, check_ins, people
from stressvision_store.paging import one
from stressvision_store.workforce_tables import CheckIn, Employee

router = APIRouter(prefix="/v1/check-ins", tags=["check-ins"])
readers = allow("admin", "operator", "safety", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List check-ins", **readers)
def list_check_ins(
    session: SessionDep,
    read: PersonalReadDep,
    page: PageDep,
    employee_id: Annotated[Id | None, Query()] = None,
    station_id: Annotated[Id | None, Query()] = None,
    since: Annotated[Moment | None, Query()] = None,
    until: Annotated[Moment | None, Query()] = None,
) -> Page[CheckInView]:
    rows = check_ins.list_check_ins(
        session,
        employee_id=employee_id,
        station_id=station_id,
        since=since,
        until=until,
        after=page.after,
        limit=page.limit,
    )
    subject = f"employee {employee_id}" if employee_id is not None else "all employees"
    read.note("check_in.list", subject, shown=len(rows))
    return paged([CheckInView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Check a person in at a station", status_code=201, **writers)
def check_in(session: SessionDep, caller: CallerDep, body: NewCheckIn) -> CheckInView:
    """It counts until check-out, the next check-in at the station or of the person, or the end of the shift."""
    employee = _person(session, body)
    row = check_ins.check_in(
        session,
        employee_id=employee.id or 0,
        station_id=body.station_id,
        at=body.checked_in_at or datetime.now(UTC),
    )
    audit.append(
        session,
        actor=caller.actor,
        action="check_in.create",
        subject=f"employee {employee.id}",
        check_in_id=row.id,
        station_id=row.station_id,
        by="badge" if body.badge is not None else "id" if body.pseudonym is None else "pseudonym",
    )
    return CheckInView.model_validate(row)


@router.get("/{check_in_id}", summary="Show a check-in", **readers)
def show_check_in(session: SessionDep, read: PersonalReadDep, check_in_id: PathId) -> CheckInView:
    row = one(session, CheckIn, check_in_id, "check-in")
    read.note("check_in.read", f"employee {row.employee_id}", check_in_id=check_in_id)
    return CheckInView.model_validate(row)


@router.post("/{check_in_id}/check-out", summary="Check a person out", **writers)
def check_out(session: SessionDep, caller: CallerDep, check_in_id: PathId, body: CheckOut) -> CheckInView:
    row = check_ins.check_out(session, check_in_id, at=body.checked_out_at or datetime.now(UTC))
    subject = f"employee {row.employee_id}"
    audit.append(session, actor=caller.actor, action="check_in.end", subject=subject, check_in_id=row.id)
    return CheckInView.model_validate(row)


def _person(session: Session, body: NewCheckIn) -> Employee:
    if body.badge is not None:
        return people.employee_with_badge(session, body.badge)
    if body.pseudonym is not None:
        return people.employee_named(session, body.pseudonym)
    return one(session, Employee, body.employee_id, "employee")
