"""A model in use for many days, straight into the tables: for tests and figures of what reads its quality."""

import psycopg

_MODEL = """
INSERT INTO model_versions (version, digest, manifest, state)
VALUES ('demo-1', 'd', '{"scores": {"int8": {"test": {"accuracy": 0.87, "macro_f1": 0.84, "ece": 0.01}}}}', 'approved')
ON CONFLICT DO NOTHING
"""
_DAYS = """
INSERT INTO model_days (
    model_version, day, windows, mix, confidence_ppm, devices, blind_windows, captured_ms, observed_ms)
SELECT 'demo-1', (now() AT TIME ZONE 'UTC')::date - ago, 900, ARRAY[600 - ago, 100, 60, 140, 100 + ago]::bigint[],
    900 * (780000 + 1000 * ago), 60, 100, 60000000, 50000000 + 10000 * ago
FROM generate_series(0, %s - 1) ago
"""
_HEARTBEATS = """
WITH made AS (
    INSERT INTO devices (public_key, hostname, hardware, agent_version)
    SELECT ('k' || n)::bytea, 'pi-' || n, 'Pi 5', '1' FROM generate_series(1, 20) n RETURNING id
)
INSERT INTO device_states (device_id, heartbeat_at, boot_id, agent_version, model_version, next_seq, report)
SELECT id, now(), 'b', '1', 'demo-1', 1, '{"inference_p95_s": 0.03, "bad_outputs": 0, "coverage": 0.8}' FROM made
"""


def use_model(connection: psycopg.Connection[tuple[object, ...]], *, days: int) -> None:
    """A model that 20 devices have used for `days` days, today the last."""
    connection.execute(_MODEL)
    connection.execute(_DAYS, [days])
    connection.execute(_HEARTBEATS)
