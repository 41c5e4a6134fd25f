"""What travels about shifts."""

from typing import Self

from pydantic import Field, model_validator
from sqlmodel import Session

from stressvision_control.fields import Body, Id, LocalTime, Name, View, Weekday
from stressvision_store.local_time import Break, Hours
from stressvision_store.shifts import hours_of
from stressvision_store.workforce_tables import Shift

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]


class BreakTimes(Body):
    starts: LocalTime
    ends: LocalTime


class NewShift(Body):
    """`ends` not after `starts`: it ends on the next day. `weekdays`: ISO days (1 Monday) on which it starts."""

    site_id: Id
    name: Name
    starts: LocalTime
    ends: LocalTime
    weekdays: list[Weekday] = Field(default=EVERY_DAY, min_length=1, max_length=7)
    breaks: list[BreakTimes] = Field(default=[], max_length=20)


class ShiftChange(Body):
    """What is left out stays as it is; `breaks` replaces all breaks."""

    name: Name | None = None
    starts: LocalTime | None = None
    ends: LocalTime | None = None
    weekdays: list[Weekday] | None = Field(default=None, min_length=1, max_length=7)
    breaks: list[BreakTimes] | None = Field(default=None, max_length=20)

    @model_validator(mode="after")
    def _refuse_nothing(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("say what to change")
        return self


class ShiftView(View):
    id: int
    site_id: int
    name: str
    starts: str
    ends: str
    weekdays: list[int]
    breaks: list[dict[str, str]]


def hours_in(body: NewShift) -> Hours:
    return Hours(
        starts=body.starts,
        ends=body.ends,
        weekdays=tuple(body.weekdays),
        breaks=tuple(Break(each.starts, each.ends) for each in body.breaks),
    )


def hours_after(body: ShiftChange, before: Hours) -> Hours:
    breaks = before.breaks
    if body.breaks is not None:
        breaks = tuple(Break(each.starts, each.ends) for each in body.breaks)
    return Hours(
        starts=body.starts or before.starts,
        ends=body.ends or before.ends,
        weekdays=tuple(body.weekdays) if body.weekdays is not None else before.weekdays,
        breaks=breaks,
    )


def view_of(session: Session, shift: Shift) -> ShiftView:
    hours = hours_of(session, shift)
    return ShiftView(
        id=shift.id or 0,
        site_id=shift.site_id,
        name=shift.name,
        starts=f"{hours.starts:%H:%M}",
        ends=f"{hours.ends:%H:%M}",
        weekdays=list(hours.weekdays),
        breaks=[{"starts": f"{each.starts:%H:%M}", "ends": f"{each.ends:%H:%M}"} for each in hours.breaks],
    )
