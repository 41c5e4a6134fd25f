"""What travels about consents."""

from datetime import datetime

from stressvision_control.fields import Body, Id, Moment, Name, View


class NewConsent(Body):
    """`notice_version`: the text the person was given. `given_at`: now, where it is left out."""

    employee_id: Id
    notice_version: Name
    given_at: Moment | None = None


class Withdrawal(Body):
    withdrawn_at: Moment | None = None


class ConsentView(View):
    id: int
    employee_id: int
    notice_version: str
    given_at: datetime
    withdrawn_at: datetime | None
