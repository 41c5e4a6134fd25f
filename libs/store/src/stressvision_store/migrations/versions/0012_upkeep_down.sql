DROP INDEX rollup_shifts_provisional, rollup_areas_provisional;

CREATE OR REPLACE VIEW hr.annotations WITH (security_barrier) AS
SELECT s.id AS site_id, s.name AS site, note.at, note.kind, note.text
FROM sites s
JOIN (
    SELECT site_id, min(starts_at) AS at, 'model' AS kind, 'Modelo ' || version || ' / Model ' || version AS text
    FROM published_cells, unnest(model_versions) AS version GROUP BY site_id, version
    UNION ALL
    SELECT site_id, since, 'policy', 'Perfil del sitio: ' || profile || ' / Site profile: ' || profile
    FROM profile_periods WHERE since > '2000-01-01T00:00Z'
    UNION ALL
    SELECT z.id, p.first_date::timestamp AT TIME ZONE z.time_zone, 'roster', 'Cambia la plantilla / Roster changes'
    FROM assignments p
    JOIN shifts h ON h.id = p.shift_id
    JOIN sites z ON z.id = h.site_id
    GROUP BY z.id, z.time_zone, p.first_date
    HAVING count(DISTINCT p.employee_id) >= greatest(
        5, (SELECT max(d.k) FROM published_days d WHERE d.site_id = z.id))
) note ON note.site_id = s.id
WHERE s.profile <> 'off';

CREATE OR REPLACE VIEW ops.models WITH (security_barrier) AS
SELECT version, state, desired, registered_at, approved_at, published_at,
    (s.test->>'accuracy')::float AS accuracy, (s.test->>'macro_f1')::float AS macro_f1, (s.test->>'ece')::float AS ece,
    (s.test->>'fatigue_recall')::float AS fatigue_recall
FROM model_versions
CROSS JOIN LATERAL (SELECT manifest #> '{scores,int8,test}' AS test) s;
