"""What travels about employees. A name comes in, and goes out by one route alone."""

from stressvision_control.fields import Badge, Body, Id, Name, View
from stressvision_store.workforce_tables import Employee


class NewEmployee(Body):
    """Without a `pseudonym` one is made. `badge`: what the reader reads; only a hash of it is kept."""

    site_id: Id
    pseudonym: Name | None = None
    badge: Badge | None = None
    name: Name | None = None


class EmployeeChange(Body):
    """What is left out stays as it is; `badge` null takes the badge away."""

    pseudonym: Name | None = None
    badge: Badge | None = None


class NameChange(Body):
    """`name` null forgets the name."""

    name: Name | None


class EmployeeView(View):
    id: int
    site_id: int
    pseudonym: str
    has_badge: bool


class NameView(View):
    employee_id: int
    name: str | None


def view_of(employee: Employee) -> EmployeeView:
    return EmployeeView(
        id=employee.id or 0,
        site_id=employee.site_id,
        pseudonym=employee.pseudonym,
        has_badge=employee.badge_hash is not None,
    )
