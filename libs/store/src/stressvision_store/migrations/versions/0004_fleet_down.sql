-- Back to the fleet of 0003. A key that was being changed is left with the new one alone.

DROP VIEW ops.devices;
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
GRANT SELECT ON ops.devices TO grafana_ops;

REVOKE USAGE ON SEQUENCE audit_id_seq FROM stressvision_ingest, stressvision_worker;
REVOKE ALL ON audit FROM stressvision_ingest, stressvision_worker;
REVOKE SELECT (id, at) ON audit FROM stressvision_ingest, stressvision_worker;
REVOKE UPDATE (public_key) ON devices FROM stressvision_ingest;
DROP TABLE device_boots;
ALTER TABLE devices
    DROP COLUMN name,
    DROP COLUMN previous_key,
    DROP COLUMN key_changed_at,
    DROP COLUMN key_rotation_asked_at,
    DROP COLUMN cloned_at;
