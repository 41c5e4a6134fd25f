-- Devices have names and may change their key; a key that is in use twice is noticed.

ALTER TABLE devices
    ADD COLUMN name VARCHAR,
    ADD COLUMN previous_key BYTEA,
    ADD COLUMN key_changed_at timestamptz DEFAULT now() NOT NULL,
    ADD COLUMN key_rotation_asked_at timestamptz,
    ADD COLUMN cloned_at timestamptz;
UPDATE devices SET key_changed_at = enrolled_at;
CREATE UNIQUE INDEX devices_name ON devices (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX devices_previous_key ON devices (previous_key);

CREATE TABLE device_boots (
    device_id INTEGER NOT NULL REFERENCES devices (id),
    boot_id VARCHAR NOT NULL,
    first_sent_at timestamptz NOT NULL,
    first_seen_at timestamptz NOT NULL,
    superseded_at timestamptz,
    PRIMARY KEY (device_id, boot_id)
);

GRANT UPDATE (public_key, previous_key, key_changed_at, key_rotation_asked_at, cloned_at) ON devices
TO stressvision_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON device_boots TO stressvision_ingest;
GRANT SELECT ON device_boots TO stressvision_control;
GRANT INSERT ON audit TO stressvision_ingest, stressvision_worker;
GRANT SELECT (id, at) ON audit TO stressvision_ingest, stressvision_worker;
GRANT USAGE ON SEQUENCE audit_id_seq TO stressvision_ingest, stressvision_worker;

DROP VIEW ops.devices;
CREATE VIEW ops.devices WITH (security_barrier) AS
SELECT
    d.id AS device_id, s.name AS site, a.name AS area, t.name AS station, coalesce(d.name, d.hostname) AS name,
    d.hostname, d.hardware, coalesce(st.agent_version, d.agent_version) AS agent_version,
    st.model_version, st.model_digest, d.enrolled_at, st.heartbeat_at,
    extract(epoch FROM now() - st.heartbeat_at) AS heartbeat_age_s,
    st.spooled, st.spool_age_s, st.clock_offset_s,
    (st.report->>'clock_synchronised')::boolean AS clock_synchronised,
    (st.report->>'temperature_c')::float AS temperature_c,
    (st.report->>'throttled')::boolean AS throttled,
    (st.report->>'coverage')::float AS coverage,
    (st.report->>'frames_per_second')::float AS frames_per_second,
    (st.report->>'inference_p95_s')::float AS inference_p95_s,
    (st.report->>'disk_free_bytes')::float AS disk_free_bytes,
    d.key_changed_at, d.cloned_at,
    CASE
        WHEN d.revoked_at IS NOT NULL THEN 'revoked'
        WHEN d.cloned_at IS NOT NULL THEN 'cloned'
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
