"""How the devices that run a new model do: by their last heartbeats, and by what they and others have seen since."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import text
from sqlmodel import Session

from stressvision_contracts.labels import COMPANY5
from stressvision_store.rollout_tables import Rollout
from stressvision_store.rollouts.comparison import Comparison, Seen
from stressvision_store.rollouts.plans import Limits, Plan

LOOK_BACK: Final = timedelta(hours=6)
"""The comparison is over what was seen since the stage began, but not longer ago than this."""

LEAST_PAUSE: Final = timedelta(seconds=5)
GREATEST_PAUSE: Final = timedelta(seconds=60)
"""How often it is made: a long stage has many windows, and little changes in a minute."""

_CLOCKS: Final = timedelta(days=1)
"""How far a device's clock may be behind when it makes an event's id, which says in which partition it lies."""

_SICK = """
SELECT
    count(*) FILTER (WHERE (s.report->>'inference_p95_s')::float > :latency_s) AS slow,
    count(*) FILTER (WHERE (s.report->>'bad_outputs')::numeric > :bad_outputs) AS faulty
FROM rollout_devices t
JOIN device_states s ON s.device_id = t.device_id
JOIN model_versions m ON m.version = :version
WHERE t.rollout_id = :rollout AND t.state IN ('installed', 'confirmed') AND s.model_digest = m.digest
"""

_NEVER_TOLD = """
SELECT count(*) FROM rollout_devices t
JOIN devices d ON d.id = t.device_id
LEFT JOIN device_states s ON s.device_id = t.device_id
WHERE t.rollout_id = :rollout AND t.state = 'lost'
    AND (d.revoked_at IS NOT NULL OR coalesce(s.heartbeat_at < t.offered_at, true))
"""

_SEEN = f"""
SELECT t.control,
    coalesce(sum(extract(epoch FROM e.ended_at - e.started_at)), 0)::float AS captured_s,
    coalesce(sum(extract(epoch FROM e.ended_at - e.started_at) * e.coverage_ppm / 1e6), 0)::float AS observed_s,
    {", ".join(f"coalesce(sum(e.{label}_ms), 0)::float / 1000 AS {label}" for label in COMPANY5)}
FROM rollout_devices t
JOIN events e ON e.device_id = t.device_id AND e.kind = 1 AND e.started_at >= :since AND e.event_id >= :first
WHERE t.rollout_id = :rollout
    AND CASE WHEN t.control THEN t.state = 'waiting' ELSE e.model_version = :version END
GROUP BY t.control
"""  # noqa: S608 - names of ours


def count_sick(session: Session, rollout: Rollout, limits: Limits) -> tuple[int, int]:
    """Devices that run the new model and are too slow, and those that give answers that are no probabilities."""
    row = session.execute(
        text(_SICK),
        {
            "rollout": rollout.id,
            "version": rollout.version,
            "latency_s": limits.latency_s,
            "bad_outputs": limits.bad_outputs,
        },
    ).one()
    return row.slow, row.faulty


def count_never_told(session: Session, rollout: Rollout) -> int:
    """Lost devices of which the model is innocent: revoked, or not heard since they were offered it."""
    return session.scalar(text(_NEVER_TOLD), {"rollout": rollout.id}) or 0


def compare(session: Session, rollout: Rollout, plan: Plan, now: datetime) -> Comparison | None:
    """The groups side by side, as of a minute ago at most; None without a control group, or when none is wanted."""
    if plan.limits.observed_s == 0 or rollout.stage >= plan.last_stage or rollout.stage_at is None:
        return None
    pause = min(max((now - rollout.stage_at) / 20, LEAST_PAUSE), GREATEST_PAUSE)
    if rollout.comparison is not None and rollout.compared_at is not None and now - rollout.compared_at < pause:
        return Comparison.from_json(rollout.comparison)
    comparison = _compare(session, rollout, max(rollout.stage_at, now - LOOK_BACK))
    rollout.comparison, rollout.compared_at = comparison.as_json(), now
    return comparison


def _compare(session: Session, rollout: Rollout, since: datetime) -> Comparison:
    rows = session.execute(
        text(_SEEN),
        {"rollout": rollout.id, "version": rollout.version, "since": since, "first": _first_id(since - _CLOCKS)},
    )
    seen = {
        row.control: Seen(
            captured_s=row.captured_s,
            observed_s=row.observed_s,
            seconds={label: getattr(row, label) for label in COMPANY5},
        )
        for row in rows
    }
    return Comparison(seen.get(False, Seen()), seen.get(True, Seen()))


def _first_id(at: datetime) -> UUID:
    """Before every UUIDv7 of that time."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
