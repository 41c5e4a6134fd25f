"""Employees, by pseudonym. Their names are shown by one route, to two roles."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.employees.schemas import (
    EmployeeChange,
    EmployeeView,
    NameChange,
    NameView,
    NewEmployee,
    view_of,
)
from stressvision_control.fields import Id, Name, PathId
from stressvision_control.security import CallerDep, PersonalReadDep, allow
from stressvision_store import audit, people
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Employee

router = APIRouter(prefix="/v1/employees", tags=["employees"])
readers = allow("admin", "operator", "safety", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List employees", **readers)
def list_employees(
    session: SessionDep,
    read: PersonalReadDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    pseudonym: Annotated[Name | None, Query()] = None,
) -> Page[EmployeeView]:
    rows = people.list_employees(session, site_id=site_id, pseudonym=pseudonym, after=page.after, limit=page.limit)
    read.note("employee.list", f"site {site_id}" if site_id is not None else "all sites", shown=len(rows))
    return paged([view_of(row) for row in rows], page.limit)


@router.post("", summary="Create an employee", status_code=201, **writers)
def create_employee(session: SessionDep, caller: CallerDep, body: NewEmployee) -> EmployeeView:
    employee = people.create_employee(session, site_id=body.site_id, pseudonym=body.pseudonym, badge=body.badge)
    view = view_of(employee)
    if body.name is not None:
        people.set_name(session, view.id, body.name)
    audit.append(
        session,
        actor=caller.actor,
        action="employee.create",
        subject=f"employee {view.id}",
        site_id=body.site_id,
        named=body.name is not None,
        badge=body.badge is not None,
    )
    return view


@router.get("/{employee_id}", summary="Show an employee", **readers)
def show_employee(session: SessionDep, read: PersonalReadDep, employee_id: PathId) -> EmployeeView:
    employee = one(session, Employee, employee_id, "employee")
    read.note("employee.read", f"employee {employee_id}")
    return view_of(employee)


@router.patch("/{employee_id}", summary="Change an employee's pseudonym or badge", **writers)
def change_employee(session: SessionDep, caller: CallerDep, employee_id: PathId, body: EmployeeChange) -> EmployeeView:
    employee = one(session, Employee, employee_id, "employee", lock=True)
    if body.pseudonym is not None:
        people.rename_employee(session, employee, body.pseudonym)
    if "badge" in body.model_fields_set:
        people.set_badge(session, employee, body.badge)
    audit.append(
        session,
        actor=caller.actor,
        action="employee.change",
        subject=f"employee {employee_id}",
        fields=sorted(body.model_fields_set),
    )
    return view_of(employee)


@router.get("/{employee_id}/name", summary="Show an employee's name", **allow("admin", "privacy"))
def show_name(session: SessionDep, read: PersonalReadDep, employee_id: PathId) -> NameView:
    one(session, Employee, employee_id, "employee")
    read.note("employee.read_name", f"employee {employee_id}")
    return NameView(employee_id=employee_id, name=people.name_of(session, employee_id))


@router.put(
    "/{employee_id}/name",
    summary="Write an employee's name",
    status_code=204,
    **allow("admin", "operator", "privacy"),
)
def set_name(session: SessionDep, caller: CallerDep, employee_id: PathId, body: NameChange) -> None:
    one(session, Employee, employee_id, "employee", lock=True)
    people.set_name(session, employee_id, body.name)
    subject = f"employee {employee_id}"
    audit.append(session, actor=caller.actor, action="employee.write_name", subject=subject)
