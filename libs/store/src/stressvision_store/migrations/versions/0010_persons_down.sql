DROP VIEW safety.looks;
CREATE OR REPLACE VIEW safety.people WITH (security_barrier) AS
SELECT e.id AS employee_id, e.pseudonym, s.id AS site_id, s.name AS site, s.time_zone
FROM employees e JOIN sites s ON s.id = e.site_id WHERE s.profile <> 'off';

CREATE OR REPLACE VIEW safety.person_shifts WITH (security_barrier) AS
WITH narrow AS MATERIALIZED (
    SELECT site_id, since, until FROM profile_spans WHERE profile IN ('off', 'fatigue_only')
)
SELECT
    e.pseudonym, r.employee_id, s.id AS site_id, s.name AS site, r.shift_id, h.name AS shift, r.shift_date,
    r.shift_date::timestamp AT TIME ZONE s.time_zone AS day_at, r.starts_at, r.ends_at,
    r.scheduled_ms / 3600000.0 AS scheduled_hours,
    r.observed_ms / 3600000.0 AS observed_hours,
    least(r.observed_ms::numeric / nullif(r.scheduled_ms, 0), 1) AS coverage,
    CASE WHEN q.enough AND q.stress THEN least(r.stress_ms::numeric / r.observed_ms, 1) END AS stress_share,
    CASE WHEN q.enough THEN least(r.fatigue_ms::numeric / r.observed_ms, 1) END AS fatigue_share,
    CASE WHEN q.enough AND q.stress THEN r.stress_weight / r.observed_ms / 1e6 END AS stress_probability,
    CASE WHEN q.enough THEN r.fatigue_weight / r.observed_ms / 1e6 END AS fatigue_probability,
    CASE WHEN q.stress THEN r.stress_episodes END AS stress_episodes,
    r.fatigue_episodes, r.model_versions, r.state, r.revision, r.computed_at
FROM rollup_shifts r
JOIN employees e ON e.id = r.employee_id
JOIN sites s ON s.id = r.site_id
JOIN shifts h ON h.id = r.shift_id
CROSS JOIN LATERAL (
    SELECT r.observed_ms >= 0.2 * r.scheduled_ms AND r.observed_ms > 0 AS enough,
    s.profile <> 'fatigue_only' AND NOT EXISTS (
        SELECT FROM narrow n WHERE n.site_id = s.id AND n.since < r.ends_at AND n.until > r.starts_at
    ) AS stress
) q
WHERE s.profile <> 'off';

CREATE OR REPLACE VIEW safety.person_windows WITH (security_barrier) AS
WITH narrow AS MATERIALIZED (
    SELECT site_id, since, until FROM profile_spans WHERE profile IN ('off', 'fatigue_only')
)
SELECT
    e.pseudonym, r.employee_id, s.id AS site_id, s.name AS site, r.shift_id, r.shift_date, r.bucket_at,
    least(sum(r.observed_ms) / 300000.0, 1) AS coverage,
    CASE WHEN sum(r.observed_ms) >= 60000 AND bool_and(q.stress)
         THEN least(sum(r.stress_ms) / sum(r.observed_ms), 1) END AS stress_share,
    CASE WHEN sum(r.observed_ms) >= 60000
         THEN least(sum(r.fatigue_ms) / sum(r.observed_ms), 1) END AS fatigue_share,
    CASE WHEN bool_and(q.stress) THEN sum(r.stress_episodes) END AS stress_episodes,
    sum(r.fatigue_episodes) AS fatigue_episodes,
    max(r.computed_at) AS computed_at
FROM rollup_windows r
JOIN employees e ON e.id = r.employee_id
JOIN sites s ON s.id = r.site_id
CROSS JOIN LATERAL (
    SELECT s.profile <> 'fatigue_only' AND NOT EXISTS (
        SELECT FROM narrow n WHERE n.site_id = s.id AND n.since < r.bucket_at + interval '5 minutes' AND n.until > r.bucket_at
    ) AS stress
) q
WHERE s.profile <> 'off'
GROUP BY e.pseudonym, r.employee_id, s.id, s.name, s.profile, r.shift_id, r.shift_date, r.bucket_at;

CREATE OR REPLACE VIEW ops.training_pictures WITH (security_barrier) AS
SELECT
    p.label, count(*) AS pictures, count(*) FILTER (WHERE p.added_at >= now() - interval '30 days') AS added_30d
FROM public.pictures p
WHERE p.removed_at IS NULL AND (
    p.employee_id IS NULL
    OR EXISTS (
        SELECT FROM consents c
        WHERE c.employee_id = p.employee_id AND c.given_at <= now() AND (c.withdrawn_at IS NULL OR c.withdrawn_at > now())
    )
)
GROUP BY p.label;

DROP VIEW live_looks, consenting;
DROP TABLE personal_links, objections, looks;
DROP INDEX audit_subject;
REVOKE SELECT ON profile_spans FROM stressvision_control;
