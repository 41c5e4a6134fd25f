-- What the fleet operator may see: how machines are, and whether the books close. No person, no expression.

CREATE SCHEMA ops;

CREATE VIEW ops.devices WITH (security_barrier) AS
SELECT
    d.id AS device_id, s.name AS site, a.name AS area, t.name AS station, d.hostname, d.hardware,
    coalesce(st.agent_version, d.agent_version) AS agent_version, st.model_version, d.enrolled_at, st.heartbeat_at,
    extract(epoch FROM now() - st.heartbeat_at) AS heartbeat_age_s,
    st.spooled, st.spool_age_s, st.clock_offset_s,
    (st.report->>'temperature_c')::float AS temperature_c,
    (st.report->>'frames_per_second')::float AS frames_per_second,
    (st.report->>'inference_p95_s')::float AS inference_p95_s,
    (st.report->>'disk_free_bytes')::float AS disk_free_bytes,
    CASE
        WHEN d.revoked_at IS NOT NULL THEN 'revoked'
        WHEN st.device_id IS NULL THEN 'never_seen'
        WHEN st.heartbeat_at < now() - interval '5 minutes' THEN 'stale'
        WHEN d.paused OR (st.report->>'paused')::boolean THEN 'paused'
        ELSE 'online'
    END AS state
FROM devices d
LEFT JOIN device_states st ON st.device_id = d.id
LEFT JOIN LATERAL (
    SELECT p.station_id FROM placements p
    WHERE p.device_id = d.id AND p.removed_at IS NULL ORDER BY p.placed_at DESC LIMIT 1
) here ON true
LEFT JOIN stations t ON t.id = here.station_id
LEFT JOIN areas a ON a.id = t.area_id
LEFT JOIN sites s ON s.id = a.site_id;

-- produced = stored + rejected + lost + spooled. A remainder that stays is an event nobody can account for;
-- while a device sends, its last heartbeat is older than its books, and the remainder is below zero for a moment.
CREATE VIEW ops.accounts WITH (security_barrier) AS
SELECT
    st.device_id, st.next_seq AS produced, coalesce(c.stored, 0) AS stored, coalesce(c.duplicate, 0) AS duplicate,
    coalesce(c.rejected, 0) AS rejected, coalesce(c.lost, 0) AS lost, coalesce(st.spooled, 0) AS spooled,
    st.next_seq - coalesce(c.stored, 0) - coalesce(c.rejected, 0) - coalesce(c.lost, 0) - coalesce(st.spooled, 0) AS remainder,
    st.heartbeat_at
FROM device_states st
LEFT JOIN device_accounts c ON c.device_id = st.device_id;

CREATE VIEW ops.dirty_windows AS
SELECT count(*) AS marks, coalesce(extract(epoch FROM now() - min(marked_at)), 0) AS oldest_age_s FROM public.dirty_windows;

CREATE VIEW ops.dead_letters AS
SELECT
    date_trunc('day', received_at, 'UTC') AS day_at, reason, count(*) AS letters,
    count(*) FILTER (WHERE replayed_at IS NULL) AS waiting, max(received_at) AS latest_at
FROM public.dead_letters GROUP BY 1, 2;

CREATE VIEW ops.unattributed AS
SELECT date_trunc('day', bucket_at, 'UTC') AS day_at, reason, sum(windows) AS windows, sum(captured_ms) / 3600000.0 AS hours
FROM unattributed_windows GROUP BY 1, 2;

CREATE VIEW ops.rollups AS
SELECT
    (SELECT max(computed_at) FROM rollup_shifts WHERE shift_date >= current_date - 2) AS computed_at,
    (SELECT count(*) FROM rollup_shifts) AS shifts,
    (SELECT coalesce(sum(observed_ms), 0) / 3600000.0 FROM rollup_shifts) AS observed_hours;

-- Partitions of the raw events; `rows` is the planner's estimate (-1: never analysed).
CREATE VIEW ops.partitions AS
SELECT
    c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds,
    pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT' AS is_default,
    c.reltuples::bigint AS rows, pg_total_relation_size(c.oid) AS bytes
FROM pg_inherits i
JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'public.events'::regclass;

GRANT USAGE ON SCHEMA ops TO grafana_ops;
GRANT SELECT ON ALL TABLES IN SCHEMA ops TO grafana_ops;
