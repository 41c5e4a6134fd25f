"""What travels about consents."""

from datetime import datetime

from stressvision_control.fields import Body, Id, Moment, Name, View
from stressvision_store.languages import Language


class NewConsent(Body):
    """`notice_version`, `language`: the text the person was given. `given_at`: now, where it is left out."""

    employee_id: Id
    notice_version: Name
    language: Language | None = None
    given_at: Moment | None = None


class Withdrawal(Body):
    withdrawn_at: Moment | None = None


class FullWithdrawal(Withdrawal):
    employee_id: Id


class ConsentView(View):
    """`recorded_by`, `withdrawn_by`: who wrote it down."""

    id: int
    employee_id: int
    notice_version: str
    language: Language | None
    given_at: datetime
    recorded_by: str | None
    withdrawn_at: datetime | None
    withdrawn_by: str | None
