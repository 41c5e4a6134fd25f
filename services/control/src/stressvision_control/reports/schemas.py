"""What travels about reports."""

from datetime import date, datetime

from stressvision_control.fields import View


class ReportView(View):
    """A report that was made on schedule. `shift_id` null: of all shifts, over the week from `first_date` on."""

    id: int
    kind: str
    site_id: int
    shift_id: int | None
    first_date: date
    language: str
    format: str
    made_at: datetime
