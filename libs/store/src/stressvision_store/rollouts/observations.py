"""How the devices that run a new model do: by their last heartbeats, and by what they and others have seen since."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Row, text
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

_SUMS = f"""
    coalesce(sum(extract(epoch FROM e.ended_at - e.started_at)), 0)::float AS captured_s,
    coalesce(sum(extract(epoch FROM e.ended_at - e.started_at) * e.coverage_ppm / 1e6), 0)::float AS observed_s,
    {", ".join(f"coalesce(sum(e.{label}_ms), 0)::float / 1000 AS {label}" for label in COMPANY5)}
FROM rollout_devices t
JOIN events e ON e.device_id = t.device_id AND e.kind = 1 AND e.started_at >= :since AND e.event_id >= :first
WHERE t.rollout_id = :rollout
"""

_SEEN = f"""
SELECT t.control, {_SUMS} AND CASE WHEN t.control THEN t.state = 'waiting' ELSE e.model_version = :version END
GROUP BY t.control
"""

_SEEN_BEFORE = f"""
SELECT {_SUMS} AND NOT t.control AND t.stage <= :stage AND e.started_at < :until AND e.model_version <> :version
"""


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
    kept = Comparison.from_json(rollout.comparison) if rollout.comparison is not None else None
    if kept is not None and rollout.compared_at is not None and now - rollout.compared_at < pause:
        return kept
    groups = _seen(session, rollout, max(rollout.stage_at, now - LOOK_BACK))
    before = kept.before if kept is not None else _seen_before(session, rollout)
    comparison = Comparison(groups.get(False, Seen()), groups.get(True, Seen()), before)
    rollout.comparison, rollout.compared_at = comparison.as_json(plan.limits), now
    return comparison


def _seen(session: Session, rollout: Rollout, since: datetime) -> dict[bool, Seen]:
    rows = session.execute(text(_SEEN), _parameters(rollout, since))
    return {row.control: _sums(row) for row in rows}


def _seen_before(session: Session, rollout: Rollout) -> Seen:
    """What the stage's devices saw with other models, before the rollout began."""
    started_at = rollout.started_at or rollout.created_at
    parameters = _parameters(rollout, started_at - LOOK_BACK) | {"stage": rollout.stage, "until": started_at}
    return _sums(session.execute(text(_SEEN_BEFORE), parameters).one())


def _parameters(rollout: Rollout, since: datetime) -> dict[str, Any]:
    first = _first_id(since - _CLOCKS)
    return {"rollout": rollout.id, "version": rollout.version, "since": since, "first": first}


def _sums(row: Row[Any]) -> Seen:
    seconds: dict[str, float] = {label: getattr(row, label) for label in COMPANY5}
    return Seen(captured_s=row.captured_s, observed_s=row.observed_s, seconds=seconds)


def _first_id(at: datetime) -> UUID:
    """Before every UUIDv7 of that time."""
    return UUID(int=int(at.timestamp() * 1000) << 80)
