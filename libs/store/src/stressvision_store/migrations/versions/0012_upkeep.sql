-- Which shifts are over is asked every minute, and all but the newest are final.
CREATE INDEX rollup_shifts_provisional ON rollup_shifts (ends_at) WHERE state = 'provisional';
CREATE INDEX rollup_areas_provisional ON rollup_areas (ends_at) WHERE state = 'provisional';

-- As the pages say it: turnos, sede.
CREATE OR REPLACE VIEW hr.annotations WITH (security_barrier) AS
SELECT s.id AS site_id, s.name AS site, note.at, note.kind, note.text
FROM sites s
JOIN (
    SELECT site_id, min(starts_at) AS at, 'model' AS kind, 'Modelo ' || version || ' / Model ' || version AS text
    FROM published_cells, unnest(model_versions) AS version GROUP BY site_id, version
    UNION ALL
    SELECT site_id, since, 'policy', 'Perfil de la sede: ' || profile || ' / Site profile: ' || profile
    FROM profile_periods WHERE since > '2000-01-01T00:00Z'
    UNION ALL
    SELECT z.id, p.first_date::timestamp AT TIME ZONE z.time_zone, 'roster', 'Cambian los turnos / Roster changes'
    FROM assignments p
    JOIN shifts h ON h.id = p.shift_id
    JOIN sites z ON z.id = h.site_id
    GROUP BY z.id, z.time_zone, p.first_date
    HAVING count(DISTINCT p.employee_id) >= greatest(
        5, (SELECT max(d.k) FROM published_days d WHERE d.site_id = z.id))
) note ON note.site_id = s.id
WHERE s.profile <> 'off';

-- A manifest's scores may be of any shape: what is no number is unknown.
CREATE OR REPLACE VIEW ops.models WITH (security_barrier) AS
SELECT version, state, desired, registered_at, approved_at, published_at,
    CASE jsonb_typeof(s.test->'accuracy') WHEN 'number' THEN (s.test->>'accuracy')::float END AS accuracy,
    CASE jsonb_typeof(s.test->'macro_f1') WHEN 'number' THEN (s.test->>'macro_f1')::float END AS macro_f1,
    CASE jsonb_typeof(s.test->'ece') WHEN 'number' THEN (s.test->>'ece')::float END AS ece,
    CASE jsonb_typeof(s.test->'fatigue_recall') WHEN 'number' THEN (s.test->>'fatigue_recall')::float END AS fatigue_recall
FROM model_versions
CROSS JOIN LATERAL (SELECT manifest #> '{scores,int8,test}' AS test) s;
