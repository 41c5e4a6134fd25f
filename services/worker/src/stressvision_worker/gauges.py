"""What only the database knows: how much waits, how old it is, how the fleet is, and whether the books balance."""

import math
import time

from sqlalchemy import Engine, text

from stressvision_store.fleet_states import summarise
from stressvision_store.rollout_tables import ROLLOUT_STATES, TARGET_STATES
from stressvision_store.session import transaction
from stressvision_store.training_tables import STATES as TRAINING_STATES
from stressvision_worker import metrics

_QUEUES = """
SELECT
    (SELECT count(*) FROM dirty_windows) AS dirty,
    (SELECT coalesce(extract(epoch FROM now() - min(marked_at)), 0) FROM dirty_windows) AS dirty_age_s,
    (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
    (SELECT count(*) FROM events_default) AS strays
"""

_FLEET = """
SELECT
    percentile_cont(0.5) WITHIN GROUP (ORDER BY (s.report->>'inference_p95_s')::float) AS median_s,
    max((s.report->>'inference_p95_s')::float) AS slowest_s,
    coalesce(sum((s.report->>'bad_outputs')::numeric), 0) AS bad_outputs,
    coalesce(max(s.spool_age_s) FILTER (WHERE s.spooled > 0), 0) AS spool_age_s
FROM device_states s JOIN devices d ON d.id = s.device_id
WHERE d.revoked_at IS NULL AND s.heartbeat_at > now() - interval '1 day'
"""

_UNACCOUNTED = """
WITH booked AS (
    SELECT device_id, sum(stored + rejected + lost) AS events FROM (
        SELECT device_id, stored, rejected, lost FROM device_accounts
        UNION ALL SELECT device_id, stored, rejected, lost FROM intake_tallies) books
    GROUP BY device_id)
SELECT coalesce(sum(greatest(0, s.next_seq - coalesce(s.spooled, 0) - coalesce(b.events, 0))), 0)
FROM device_states s LEFT JOIN booked b USING (device_id)
"""
"""Produced less what is stored, refused, reported lost or still spooled, as of each device's last heartbeat. What
arrived after it only makes the difference smaller, so that what is left over is missing."""

_ROLLOUTS = "SELECT state, count(*) AS number FROM rollouts GROUP BY 1"

_ROLLOUT_DEVICES = """
SELECT state, count(*) AS number FROM rollout_devices
WHERE rollout_id = (SELECT id FROM rollouts WHERE started_at IS NOT NULL ORDER BY live DESC, started_at DESC LIMIT 1)
GROUP BY 1
"""


_TRAINING = """
SELECT state, count(*) AS number,
    coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE state = 'queued')), 0) AS waiting_s
FROM training_jobs WHERE ended_at IS NULL OR ended_at > now() - interval '1 day' GROUP BY state
"""


def refresh_gauges(engine: Engine) -> None:
    with transaction(engine) as session:
        training = {row.state: row for row in session.execute(text(_TRAINING))}
        queues = session.execute(text(_QUEUES)).one()
        agents = summarise(session)
        states = {row.state: row.number for row in session.execute(text(_ROLLOUTS))}
        targets = {row.state: row.number for row in session.execute(text(_ROLLOUT_DEVICES))}
        fleet = session.execute(text(_FLEET)).one()
        unaccounted = session.scalar(text(_UNACCOUNTED))
    metrics.DIRTY.set(queues.dirty)
    metrics.DIRTY_AGE.set(queues.dirty_age_s)
    metrics.DEAD_LETTERS.set(queues.dead_letters)
    metrics.STRAYS.set(queues.strays)
    metrics.CLONED.set(agents.cloned)
    for state, devices in agents.states.items():
        metrics.AGENTS.labels(state=state).set(devices)
    for state in ROLLOUT_STATES:
        metrics.ROLLOUTS.labels(state=state).set(states.get(state, 0))
    for state in TARGET_STATES:
        metrics.ROLLOUT_DEVICES.labels(state=state).set(targets.get(state, 0))
    for state in TRAINING_STATES:
        metrics.TRAINING_JOBS.labels(state=state).set(training[state].number if state in training else 0)
    metrics.TRAINING_WAITING.set(training["queued"].waiting_s if "queued" in training else 0)
    for kind, latency_s in (("median", fleet.median_s), ("slowest", fleet.slowest_s)):
        metrics.INFERENCE.labels(kind=kind).set(math.nan if latency_s is None else latency_s)
    metrics.BAD_OUTPUTS.set(fleet.bad_outputs)
    metrics.SPOOL_AGE.set(fleet.spool_age_s)
    metrics.UNACCOUNTED.set(unaccounted or 0)
    metrics.REFRESHED.set(time.time())
