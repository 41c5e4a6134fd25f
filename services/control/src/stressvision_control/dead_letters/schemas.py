"""What travels about dead letters."""

from datetime import datetime

from stressvision_control.fields import Body, Id, Moment, Name, View


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
    replay_asked_at: datetime | None
    replayed_at: datetime | None


class Replay(Body):
    """Which letters to send again; what is left out does not narrow."""

    device_id: Id | None = None
    reason: Name | None = None
    since: Moment | None = None


class ReplayAsked(View):
    """`letters` were asked for; the intake takes them within seconds."""

    letters: int
