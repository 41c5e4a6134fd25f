"""What travels about assignments."""

from stressvision_control.fields import Body, Day, Id, View


class NewAssignment(Body):
    """`last_date` null: until further notice."""

    employee_id: Id
    station_id: Id
    shift_id: Id
    first_date: Day
    last_date: Day | None = None


class DatesChange(Body):
    """What is left out stays as it is; `last_date` null: until further notice."""

    first_date: Day | None = None
    last_date: Day | None = None


class AssignmentView(View):
    id: int
    employee_id: int
    station_id: int
    shift_id: int
    first_date: Day
    last_date: Day | None
