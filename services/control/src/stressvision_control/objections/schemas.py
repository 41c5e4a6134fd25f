"""What travels about objections."""

from datetime import datetime
from typing import Literal

from stressvision_control.fields import Body, Id, Moment, Reason, View, Words
from stressvision_store.objections import Decision

State = Literal["open", "upheld", "rejected", "taken_back"]


class NewObjection(Body):
    """One that came on paper or by word. `text`: in the person's words. `raised_at`: now, where it is left out."""

    employee_id: Id
    text: Words
    raised_at: Moment | None = None


class Verdict(Body):
    """`upheld`: every consent is withdrawn as of the objection. The person is shown the reason."""

    decision: Decision
    reason: Reason


class ObjectionView(View):
    """From `raised_at` to `ended_at` nothing is attributed to the person. `recorded_by`: who wrote it down."""

    id: int
    employee_id: int
    text: str
    raised_at: datetime
    recorded_by: str
    state: State
    ended_at: datetime | None
    decided_by: str | None
    decision: str | None
