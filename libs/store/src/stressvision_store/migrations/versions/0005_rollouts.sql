-- Rollouts: how a model comes to the fleet in stages, and how far each device is.

CREATE TABLE rollouts (
    id SERIAL PRIMARY KEY,
    version text NOT NULL REFERENCES model_versions (version),
    previous_version text REFERENCES model_versions (version),
    state text NOT NULL CONSTRAINT rollouts_state CHECK (state IN (
        'draft', 'approved', 'canary', 'expanding', 'complete', 'paused', 'halted', 'rolling_back', 'rolled_back')),
    live boolean NOT NULL DEFAULT false,
    plan jsonb NOT NULL,
    stage integer NOT NULL DEFAULT 0,
    resume_to text,
    waived_stage integer,
    cause text CONSTRAINT rollouts_cause CHECK (cause IN (
        'operator', 'failed', 'lost', 'bad_outputs', 'slow', 'unknown', 'class_mix', 'no_data', 'deadline')),
    reason text,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    approved_by text CONSTRAINT rollouts_two_people CHECK (approved_by <> created_by),
    approved_at timestamptz,
    started_at timestamptz,
    state_at timestamptz NOT NULL DEFAULT now(),
    stage_at timestamptz,
    deadline_at timestamptz,
    compared_at timestamptz,
    comparison jsonb,
    CONSTRAINT rollouts_live CHECK (live = (
        started_at IS NOT NULL AND state IN ('canary', 'expanding', 'paused', 'halted', 'rolling_back'))),
    CONSTRAINT rollouts_deadline CHECK ((deadline_at IS NULL) = (state IN ('complete', 'rolled_back'))),
    CONSTRAINT rollouts_resume_to CHECK ((resume_to IS NULL) = (state <> 'paused'))
);
CREATE UNIQUE INDEX rollouts_one_live ON rollouts (live) WHERE live;

CREATE TABLE rollout_devices (
    rollout_id integer NOT NULL REFERENCES rollouts (id),
    device_id integer NOT NULL REFERENCES devices (id),
    stage integer NOT NULL,
    control boolean NOT NULL DEFAULT false,
    state text NOT NULL CONSTRAINT rollout_devices_state CHECK (state IN (
        'waiting', 'offered', 'downloaded', 'verified', 'installed', 'confirmed', 'rejected', 'reverted', 'lost')),
    reason text,
    offered_at timestamptz,
    state_at timestamptz NOT NULL,
    deadline_at timestamptz,
    PRIMARY KEY (rollout_id, device_id),
    CONSTRAINT rollout_devices_deadline CHECK (
        (deadline_at IS NOT NULL) = (state IN ('offered', 'downloaded', 'verified', 'installed')))
);
CREATE INDEX rollout_devices_device ON rollout_devices (device_id);

GRANT SELECT ON rollouts TO stressvision_ingest;
GRANT SELECT, INSERT, UPDATE ON rollout_devices TO stressvision_ingest;
GRANT SELECT, INSERT, UPDATE ON rollouts, rollout_devices TO stressvision_control;
GRANT SELECT, UPDATE ON rollouts, rollout_devices TO stressvision_worker;
GRANT UPDATE (desired) ON model_versions TO stressvision_worker;
GRANT USAGE ON SEQUENCE rollouts_id_seq TO stressvision_control;

CREATE VIEW ops.rollouts WITH (security_barrier) AS
SELECT
    r.id AS rollout_id, r.version, r.previous_version, r.state, r.stage, r.cause, r.reason, r.created_at, r.started_at,
    r.state_at, r.deadline_at,
    count(d.device_id) AS devices,
    count(*) FILTER (WHERE d.state IN ('offered', 'downloaded', 'verified', 'installed')) AS under_way,
    count(*) FILTER (WHERE d.state = 'confirmed') AS confirmed,
    count(*) FILTER (WHERE d.state IN ('rejected', 'reverted')) AS refused,
    count(*) FILTER (WHERE d.state = 'lost') AS lost
FROM public.rollouts r LEFT JOIN rollout_devices d ON d.rollout_id = r.id
GROUP BY r.id;

CREATE VIEW ops.rollout_devices WITH (security_barrier) AS
SELECT
    t.rollout_id, t.device_id, coalesce(d.name, d.hostname) AS name, t.stage, t.control, t.state, t.reason,
    t.offered_at, t.state_at, t.deadline_at, s.model_version, s.heartbeat_at
FROM public.rollout_devices t
JOIN devices d ON d.id = t.device_id
LEFT JOIN device_states s ON s.device_id = t.device_id;

GRANT SELECT ON ops.rollouts, ops.rollout_devices TO grafana_ops;
