"""Employees: a pseudonym, perhaps a badge. The name lies in a table of its own and is never needed here."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlmodel import Session, col, select

from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError, NotFoundError
from stressvision_store.workforce_tables import Employee, EmployeeName, Site

_BADGE_SALT = b"stressvision badge"
_PSEUDONYM_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"


def hash_badge(badge: str) -> bytes:
    """Badge numbers are short, so a guess is made to cost some 3 ms: a million take most of an hour.

    More would be felt in a large roster. The salt is one for all, or no badge could be looked up.
    """
    return hashlib.scrypt(badge.encode(), salt=_BADGE_SALT, n=2**10, r=8, p=1, dklen=32)


def new_pseudonym() -> str:
    """About 39 bits, without letters that are mistaken for digits."""
    return "E-" + "".join(secrets.choice(_PSEUDONYM_LETTERS) for _ in range(8))


def create_employee(
    session: Session, *, site_id: int, pseudonym: str | None = None, badge: str | None = None
) -> Employee:
    one(session, Site, site_id, "site")
    pseudonym = pseudonym or new_pseudonym()
    _refuse_taken(session, pseudonym)
    employee = Employee(site_id=site_id, pseudonym=pseudonym)
    session.add(employee)
    session.flush()
    if badge is not None:
        set_badge(session, employee, badge)
    return employee


def find_employee(session: Session, pseudonym: str) -> Employee | None:
    return session.exec(select(Employee).where(col(Employee.pseudonym) == pseudonym)).first()


def employee_named(session: Session, pseudonym: str) -> Employee:
    employee = find_employee(session, pseudonym)
    if employee is None:
        raise NotFoundError(f"there is no employee {pseudonym!r}", field="pseudonym")
    return employee


def employee_with_badge(session: Session, badge: str) -> Employee:
    employee = session.exec(select(Employee).where(col(Employee.badge_hash) == hash_badge(badge))).first()
    if employee is None:
        raise NotFoundError("no employee holds this badge; give it to one first", field="badge")
    return employee


def list_employees(
    session: Session,
    *,
    site_id: int | None = None,
    pseudonym: str | None = None,
    after: int | None,
    limit: int,
) -> Sequence[Employee]:
    statement = select(Employee)
    if site_id is not None:
        statement = statement.where(col(Employee.site_id) == site_id)
    if pseudonym is not None:
        statement = statement.where(col(Employee.pseudonym) == pseudonym)
    return take(session, statement, key=col(Employee.id), after=after, limit=limit)


def rename_employee(session: Session, employee: Employee, pseudonym: str) -> None:
    if pseudonym != employee.pseudonym:
        _refuse_taken(session, pseudonym)
        employee.pseudonym = pseudonym
        session.flush()


def set_badge(session: Session, employee: Employee, badge: str | None) -> bool:
    """Whether anything changed. A badge belongs to one person at a time; None takes it away."""
    wanted = hash_badge(badge) if badge is not None else None
    if wanted == employee.badge_hash:
        return False
    if wanted is not None:
        holder = session.exec(select(Employee).where(col(Employee.badge_hash) == wanted)).first()
        if holder is not None:
            raise ConflictError(
                f"employee {holder.pseudonym!r} holds this badge; take it away there first", field="badge"
            )
    employee.badge_hash = wanted
    session.flush()
    return True


def set_name(session: Session, employee_id: int, name: str | None) -> bool:
    """Whether anything changed; None forgets the name."""
    row = session.get(EmployeeName, employee_id)
    if name is None:
        if row is None:
            return False
        session.delete(row)
    elif row is None:
        session.add(EmployeeName(employee_id=employee_id, name=name))
    elif row.name != name:
        row.name = name
    else:
        return False
    session.flush()
    return True


def name_of(session: Session, employee_id: int) -> str | None:
    row = session.get(EmployeeName, employee_id)
    return row.name if row is not None else None


def _refuse_taken(session: Session, pseudonym: str) -> None:
    if find_employee(session, pseudonym) is not None:
        raise ConflictError(f"there is an employee {pseudonym!r} already", field="pseudonym")
