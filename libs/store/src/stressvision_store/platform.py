"""The platform at a glance, in one statement."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session

_STATUS = """
SELECT
    (SELECT count(*) FROM sites) AS sites,
    (SELECT count(*) FROM stations) AS stations,
    (SELECT count(*) FROM employees) AS employees,
    d.devices, d.paused, d.revoked, d.silent, d.cloned, d.spooled,
    a.stored, a.duplicate, a.rejected, a.lost,
    (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
    m.marks, m.oldest_mark_at,
    (SELECT max(computed_at) FROM rollup_shifts) AS last_rollup_at,
    (SELECT version FROM model_versions WHERE desired ORDER BY registered_at DESC LIMIT 1) AS desired_model,
    (SELECT version || ': ' || state FROM rollouts WHERE live) AS live_rollout
FROM (
    SELECT count(*) AS devices,
        count(*) FILTER (WHERE paused AND revoked_at IS NULL) AS paused,
        count(*) FILTER (WHERE revoked_at IS NOT NULL) AS revoked,
        count(*) FILTER (
            WHERE revoked_at IS NULL AND coalesce(s.heartbeat_at, '-infinity') < now() - interval '5 min'
        ) AS silent,
        count(*) FILTER (WHERE cloned_at IS NOT NULL AND revoked_at IS NULL) AS cloned,
        coalesce(sum(s.spooled), 0) AS spooled
    FROM devices LEFT JOIN device_states s ON s.device_id = devices.id
) d, (
    SELECT coalesce(sum(stored), 0) AS stored, coalesce(sum(duplicate), 0) AS duplicate,
        coalesce(sum(rejected), 0) AS rejected, coalesce(sum(lost), 0) AS lost
    FROM (
        SELECT stored, duplicate, rejected, lost FROM device_accounts
        UNION ALL SELECT stored, duplicate, rejected, lost FROM intake_tallies
    ) books
) a, (
    SELECT count(*) AS marks, min(marked_at) AS oldest_mark_at FROM dirty_windows
) m
"""


@dataclass(frozen=True, slots=True)
class Status:
    """`silent`: active devices without a heartbeat in five minutes; `cloned`: whose key is in use twice.

    `marks`: five minutes yet to be rolled up.
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


def read_status(session: Session) -> Status:
    """What devices had stored includes what the worker has not yet folded into their books."""
    return Status(**session.execute(text(_STATUS)).one()._mapping)
