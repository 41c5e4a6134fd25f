-- How good the models in use are, for the operator: of versions and days, never of a person, a place or a device.

-- Of the windows of a model on a day: how many devices made them, how long they looked, how long they saw a face.
-- Null in rows from before this migration.
ALTER TABLE model_days
    ADD COLUMN devices INTEGER,
    ADD COLUMN blind_windows INTEGER,
    ADD COLUMN captured_ms BIGINT,
    ADD COLUMN observed_ms BIGINT;

-- Days whose mix of labels may be told: five devices or more, and no longer counted anew, so that nobody can take
-- an hour's figure from the next one's to get the one device that sent in between. Nobody but the owner reads it.
CREATE VIEW model_days_over AS
SELECT d.model_version, d.day, d.windows, d.confidence_ppm, d.mix, t.total,
    d.day < min(d.day) OVER (PARTITION BY d.model_version) + 28 AS is_reference
FROM model_days d
CROSS JOIN LATERAL (SELECT sum(ms) AS total FROM unnest(d.mix) ms) t
WHERE d.devices >= 5 AND d.day < (now() AT TIME ZONE 'UTC')::date - 2 AND t.total > 0;

CREATE OR REPLACE VIEW ops.model_days WITH (security_barrier) AS
SELECT model_version, day, windows, confidence_ppm::float / nullif(windows, 0) / 1e6 AS confidence, devices,
    round(observed_ms::numeric / nullif(captured_ms, 0), 2) AS coverage,
    round(blind_windows::numeric / nullif(windows + blind_windows, 0), 2) AS blind_share
FROM public.model_days;

-- Each label's share of the time with a face on days that are over, in whole per cent from 1 to 99, and the mean share
-- in the model's first 28 days.
CREATE VIEW ops.model_mix WITH (security_barrier) AS
SELECT d.model_version, d.day, (ARRAY['neutral', 'stress', 'sad', 'happy', 'fatigue'])[l.place] AS label,
    greatest(0.01, least(0.99, round(l.ms / d.total, 2))) AS share,
    greatest(0.01, least(0.99, round(avg(l.ms / d.total) FILTER (WHERE d.is_reference)
        OVER (PARTITION BY d.model_version, l.place), 2))) AS usual
FROM model_days_over d CROSS JOIN LATERAL unnest(d.mix) WITH ORDINALITY l (ms, place);

-- How far a day is from the model's first 28: the population stability index of the labels' shares (none below a
-- hundredth), and confidence against what it was.
CREATE VIEW ops.model_shift WITH (security_barrier) AS
SELECT d.model_version, d.day, m.psi,
    round(d.confidence_ppm::numeric / nullif(d.windows, 0) / 1e6, 2) AS confidence,
    round(avg(d.confidence_ppm::numeric / nullif(d.windows, 0)) FILTER (WHERE d.is_reference)
        OVER (PARTITION BY d.model_version) / 1e6, 2) AS usual_confidence
FROM model_days_over d
JOIN (
    SELECT model_version, day, round(sum((share - usual) * ln(share / usual)), 2) AS psi
    FROM ops.model_mix GROUP BY model_version, day
) m ON m.model_version = d.model_version AND m.day = d.day;

-- The devices that use each version, by their heartbeats of the last day. `bad_outputs` were no probabilities.
CREATE VIEW ops.model_devices WITH (security_barrier) AS
SELECT st.model_version, count(*) AS devices,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY (st.report->>'inference_p95_s')::float) AS inference_p95_s,
    max((st.report->>'inference_p95_s')::float) AS slowest_s,
    coalesce(sum((st.report->>'bad_outputs')::numeric), 0) AS bad_outputs,
    avg((st.report->>'coverage')::float) AS coverage
FROM device_states st JOIN devices d ON d.id = st.device_id
WHERE d.revoked_at IS NULL AND st.model_version IS NOT NULL AND st.heartbeat_at > now() - interval '1 day'
GROUP BY st.model_version;

-- What each version was worth on the pictures it was tested with, as its manifest says.
CREATE VIEW ops.models WITH (security_barrier) AS
SELECT version, state, desired, registered_at, approved_at, published_at,
    (s.test->>'accuracy')::float AS accuracy, (s.test->>'macro_f1')::float AS macro_f1, (s.test->>'ece')::float AS ece,
    (s.test->>'fatigue_recall')::float AS fatigue_recall
FROM model_versions
CROSS JOIN LATERAL (SELECT manifest #> '{scores,int8,test}' AS test) s;

GRANT SELECT ON ops.model_mix, ops.model_shift, ops.model_devices, ops.models TO grafana_ops;
