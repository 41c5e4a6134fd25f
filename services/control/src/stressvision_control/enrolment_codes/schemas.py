"""What travels about enrolment codes."""

from datetime import datetime

from pydantic import Field

from stressvision_control.fields import Body, Id, View


class NewCode(Body):
    """`station_id`: where the device that joins with this code stands from that moment."""

    station_id: Id | None = None
    valid_hours: int = Field(default=24, ge=1, le=720)


class CodeView(View):
    id: str
    station_id: int | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    device_id: int | None


class CodeShownOnce(CodeView):
    """`code` is shown here and never again."""

    code: str
