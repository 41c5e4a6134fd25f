-- Back to figures that follow the rollups, as migrations 2 and 7 made them.
DROP VIEW hr.group_shifts, hr.group_hours, hr.withheld, hr.freshness, hr.annotations;
REVOKE SELECT ON profile_spans FROM stressvision_worker;
DROP FUNCTION withdraw_figures, end_long_dashboard_sessions;
DROP TABLE published_spans, published_members, published_hours, published_cells, published_days;

CREATE VIEW group_cells WITH (security_barrier) AS
WITH narrow AS MATERIALIZED (
    SELECT site_id, since, until FROM profile_spans WHERE profile IN ('off', 'fatigue_only')
), cell AS (
    SELECT r.*, s.name AS site, s.time_zone,
        CASE WHEN EXISTS (
            SELECT FROM narrow n WHERE n.site_id = s.id AND n.since < r.ends_at AND n.until > r.starts_at
        ) THEN 'fatigue_only' ELSE s.profile END AS profile,
        r.employees < 5 AS few
    FROM rollup_areas r
    JOIN sites s ON s.id = r.site_id
    WHERE r.ends_at <= now() AND s.profile <> 'off'
), line AS (
    SELECT cell.*,
        sum(employees) FILTER (WHERE few) OVER (PARTITION BY site_id, shift_date, shift_id) AS few_across_areas,
        sum(employees) FILTER (WHERE few) OVER (PARTITION BY site_id, shift_date, area_id) AS few_across_shifts,
        row_number() OVER (PARTITION BY site_id, shift_date, shift_id, few ORDER BY employees, area_id) AS rank_across_areas,
        row_number() OVER (PARTITION BY site_id, shift_date, area_id, few ORDER BY employees, shift_id) AS rank_across_shifts
    FROM cell
)
SELECT line.*,
    few
    OR (rank_across_areas = 1 AND coalesce(few_across_areas < 5, false))
    OR (rank_across_shifts = 1 AND coalesce(few_across_shifts < 5, false)) AS withheld,
    observed_ms >= 0.2 * scheduled_ms AND observed_ms > 0 AS enough
FROM line;

CREATE VIEW hr.group_shifts WITH (security_barrier) AS
SELECT
    c.site_id, c.site, c.area_id, a.name AS area, c.shift_id, h.name AS shift, c.shift_date,
    c.shift_date::timestamp AT TIME ZONE c.time_zone AS day_at,
    c.employees AS people,
    round(c.observed_ms / 3600000.0) AS observed_hours,
    round(least(c.observed_ms::numeric / nullif(c.scheduled_ms, 0), 1), 2) AS coverage,
    CASE WHEN c.enough AND c.profile <> 'fatigue_only'
         THEN greatest(0.01, least(0.99, round(c.stress_ms::numeric / c.observed_ms, 2))) END AS stress_share,
    CASE WHEN c.enough
         THEN greatest(0.01, least(0.99, round(c.fatigue_ms::numeric / c.observed_ms, 2))) END AS fatigue_share,
    CASE WHEN c.enough AND c.profile <> 'fatigue_only'
         THEN round(c.stress_episodes * 3600000.0 / c.observed_ms, 2) END AS stress_episodes_per_hour,
    CASE WHEN c.enough
         THEN round(c.fatigue_episodes * 3600000.0 / c.observed_ms, 2) END AS fatigue_episodes_per_hour,
    c.model_versions, c.state, c.computed_at
FROM group_cells c
JOIN areas a ON a.id = c.area_id
JOIN shifts h ON h.id = c.shift_id
WHERE NOT c.withheld;

-- How much of a site's day is withheld or too thinly observed: counts of cells, never of people.
CREATE VIEW hr.withheld WITH (security_barrier) AS
SELECT
    site_id, site, shift_date, shift_date::timestamp AT TIME ZONE time_zone AS day_at,
    count(*) AS cells,
    count(*) FILTER (WHERE withheld) AS withheld_cells,
    count(*) FILTER (WHERE NOT withheld AND NOT enough) AS thin_cells
FROM group_cells
GROUP BY site_id, site, time_zone, shift_date;

GRANT SELECT ON hr.group_shifts, hr.withheld TO grafana_hr, stressvision_worker, stressvision_control;
