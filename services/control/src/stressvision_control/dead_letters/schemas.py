"""What travels about dead letters."""

from datetime import datetime

from stressvision_control.fields import View


class DeadLetterView(View):
    """`size_bytes` is how long the refused event was; what it said is for nobody's eyes here."""

    id: int
    device_id: int
    event_id: str | None
    seq: int | None
    reason: str
    detail: str
    size_bytes: int
    received_at: datetime
    replayed_at: datetime | None
