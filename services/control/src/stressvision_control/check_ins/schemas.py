"""What travels about check-ins."""

from datetime import datetime
from typing import Self

from pydantic import model_validator

from stressvision_control.fields import Badge, Body, Id, Moment, Name, View


class NewCheckIn(Body):
    """Who: exactly one of `badge`, `pseudonym` and `employee_id`. When: now, where it is left out."""

    station_id: Id
    badge: Badge | None = None
    pseudonym: Name | None = None
    employee_id: Id | None = None
    checked_in_at: Moment | None = None

    @model_validator(mode="after")
    def _one_person(self) -> Self:
        if sum(each is not None for each in (self.badge, self.pseudonym, self.employee_id)) != 1:
            raise ValueError("name the person by exactly one of badge, pseudonym and employee_id")
        return self


class CheckOut(Body):
    checked_out_at: Moment | None = None


class CheckInView(View):
    id: int
    employee_id: int
    station_id: int
    checked_in_at: datetime
    checked_out_at: datetime | None
