"""The platform at a glance."""

from datetime import datetime

from stressvision_control.fields import View


class PlatformStatus(View):
    """`silent`: active devices without a heartbeat in the last five minutes. Marks: five minutes yet to be rolled up.

    `cloned`: devices whose key two machines use. From `spooled` to `lost` the books of all devices are summed.
    """

    sites: int
    stations: int
    employees: int
    devices: int
    paused: int
    revoked: int
    silent: int
    cloned: int
    spooled: int
    stored: int
    duplicate: int
    rejected: int
    lost: int
    dead_letters: int
    marks: int
    oldest_mark_at: datetime | None
    last_rollup_at: datetime | None
    desired_model: str | None
    live_rollout: str | None
