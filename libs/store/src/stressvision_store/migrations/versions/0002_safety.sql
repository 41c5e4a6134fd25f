-- What the safety officer may see: shifts and five-minute stretches per pseudonym. Names are not in here.

CREATE SCHEMA safety;

CREATE VIEW safety.people WITH (security_barrier) AS
SELECT e.id AS employee_id, e.pseudonym, s.id AS site_id, s.name AS site, s.time_zone
FROM employees e JOIN sites s ON s.id = e.site_id WHERE s.profile <> 'off';

-- A share is of observed time; it is null where less than a fifth of the scheduled time was observed. A mean
-- probability is weighted by observed time. `state`: provisional, final or revised.
CREATE VIEW safety.person_shifts WITH (security_barrier) AS
SELECT
    e.pseudonym, r.employee_id, s.id AS site_id, s.name AS site, r.shift_id, h.name AS shift, r.shift_date,
    r.shift_date::timestamp AT TIME ZONE s.time_zone AS day_at, r.starts_at, r.ends_at,
    r.scheduled_ms / 3600000.0 AS scheduled_hours,
    r.observed_ms / 3600000.0 AS observed_hours,
    least(r.observed_ms::numeric / nullif(r.scheduled_ms, 0), 1) AS coverage,
    CASE WHEN q.enough AND s.profile <> 'fatigue_only' THEN least(r.stress_ms::numeric / r.observed_ms, 1) END AS stress_share,
    CASE WHEN q.enough THEN least(r.fatigue_ms::numeric / r.observed_ms, 1) END AS fatigue_share,
    CASE WHEN q.enough AND s.profile <> 'fatigue_only' THEN r.stress_weight / r.observed_ms / 1e6 END AS stress_probability,
    CASE WHEN q.enough THEN r.fatigue_weight / r.observed_ms / 1e6 END AS fatigue_probability,
    CASE WHEN s.profile <> 'fatigue_only' THEN r.stress_episodes END AS stress_episodes,
    r.fatigue_episodes, r.model_versions, r.state, r.revision, r.computed_at
FROM rollup_shifts r
JOIN employees e ON e.id = r.employee_id
JOIN sites s ON s.id = r.site_id
JOIN shifts h ON h.id = r.shift_id
CROSS JOIN LATERAL (SELECT r.observed_ms >= 0.2 * r.scheduled_ms AND r.observed_ms > 0 AS enough) q
WHERE s.profile <> 'off';

-- Five minutes of one person. Below a minute of observation the shares are null: not observed is not "well".
CREATE VIEW safety.person_windows WITH (security_barrier) AS
SELECT
    e.pseudonym, r.employee_id, s.id AS site_id, s.name AS site, r.shift_id, r.shift_date, r.bucket_at,
    least(sum(r.observed_ms) / 300000.0, 1) AS coverage,
    CASE WHEN sum(r.observed_ms) >= 60000 AND s.profile <> 'fatigue_only'
         THEN least(sum(r.stress_ms) / sum(r.observed_ms), 1) END AS stress_share,
    CASE WHEN sum(r.observed_ms) >= 60000
         THEN least(sum(r.fatigue_ms) / sum(r.observed_ms), 1) END AS fatigue_share,
    CASE WHEN s.profile <> 'fatigue_only' THEN sum(r.stress_episodes) END AS stress_episodes,
    sum(r.fatigue_episodes) AS fatigue_episodes,
    max(r.computed_at) AS computed_at
FROM rollup_windows r
JOIN employees e ON e.id = r.employee_id
JOIN sites s ON s.id = r.site_id
WHERE s.profile <> 'off'
GROUP BY e.pseudonym, r.employee_id, s.id, s.name, s.profile, r.shift_id, r.shift_date, r.bucket_at;

GRANT USAGE ON SCHEMA safety TO grafana_safety;
GRANT SELECT ON ALL TABLES IN SCHEMA safety TO grafana_safety;
