"""How fast marks are worked off, and how soon an acknowledged event shows in the rollups."""

import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from sqlalchemy import Engine, text

from benchmarks.results import Entry, entry, shown
from chaos.rollups import LINGER_S, SLACK_S, open_platform, visible_after
from stressvision_store import cli
from stressvision_store.rollups import drain
from stressvision_store.session import create_engine, transaction
from support import plants
from support.database import create_database, prepare_cluster
from support.servers import start_postgres

STATIONS = 100
DAYS = 2
SAMPLES = 200

_WINDOWS = """
INSERT INTO events (event_id, device_id, seq, kind, started_at, ended_at, clock_shift_ms, content, model_version,
    frames, faces, coverage_ppm, neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms,
    neutral_ppm, stress_ppm, sad_ppm, happy_ppm, fatigue_ppm)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7000' || lpad(to_hex(device), 16, '0'))
        ::uuid,
    device, minute, 1, at, at + interval '1 min', 0, 1, 'bench',
    600, 540, 900000, 40000, 5000, 3000, 2000, 4000,
    700000, 100000, 50000, 50000, 100000
FROM generate_series(0, %(minutes)s - 1) minute
CROSS JOIN LATERAL (SELECT date_trunc('day', now()) - make_interval(days => %(days)s, mins => -minute) AS at) a
CROSS JOIN unnest(%(devices)s::integer[]) device
"""
_MARKS = """
INSERT INTO dirty_windows (device_id, bucket_at)
SELECT device_id, date_bin('5 min', started_at, 'epoch') AS bucket_at FROM events GROUP BY 1, 2 ORDER BY 2, 1
"""


def run() -> list[Entry]:
    """Folding on an own Postgres with fsync; then the wait through intake, broker and worker, one event at a time."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-rollups-"))
    folder.chmod(0o755)
    try:
        return [*_fold(folder / "fold"), *_wait(folder / "wait")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fold(folder: Path) -> list[Entry]:
    folder.mkdir()
    server = start_postgres(folder / "postgres", durable=True, options={"shared_buffers": "256MB"})
    try:
        database = create_database(prepare_cluster(server.url), "fold")
        cli.prepare(database.urls)
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            first = datetime.now(UTC).date() - timedelta(days=DAYS + 1)
            zones = ("America/Lima", "Europe/Madrid")
            plant = plants.build_plant(connection, first_date=first, zones=zones, areas=5, stations=STATIONS // 10)
            connection.execute(_WINDOWS, {"minutes": DAYS * 1440, "days": DAYS, "devices": plant.devices})
            connection.execute(_MARKS)
            connection.execute("ANALYZE")
        engine = create_engine(database.url("worker"), pool_size=1)
        try:
            return [*_backlog(engine), _one_bucket(engine, plant.devices)]
        finally:
            engine.dispose()
            database.dispose()
    finally:
        server.stop("immediate")


def _backlog(engine: Engine) -> list[Entry]:
    pid = _scalar(engine, "SELECT pg_backend_pid()")
    events = _scalar(engine, "SELECT count(*) FROM events")
    begun_s, begun_cpu_s = time.monotonic(), _cpu_s(pid)
    marks = 1
    while marks:
        with transaction(engine) as session:
            marks = drain(session).marks
    took_s, took_cpu_s = time.monotonic() - begun_s, _cpu_s(pid) - begun_cpu_s
    note = f"{events} events of {STATIONS} devices, {DAYS} days, one connection, fsync on"
    return [
        shown("events folded into rollups", events / took_s, "events/s", note),
        entry("events folded a second of Postgres' CPU", events / took_cpu_s, "≥", 100_000, "events/s", note),
    ]


def _one_bucket(engine: Engine, devices: list[int]) -> Entry:
    waits = []
    for device in devices[:60]:
        with transaction(engine) as session:
            session.execute(
                text("INSERT INTO dirty_windows (device_id, bucket_at) VALUES (:d, date_bin('5 min', now(), 'epoch'))"),
                {"d": device},
            )
        begun_s = time.monotonic()
        with transaction(engine) as session:
            drain(session)
        waits.append((time.monotonic() - begun_s) * 1000)
    return shown("one mark worked off", sorted(waits)[len(waits) // 2], "ms", "median of 60, commit included")


def _wait(folder: Path) -> list[Entry]:
    folder.mkdir()
    with open_platform(folder, stations=10) as platform:
        waits = [wait * 1000 for wait in visible_after(platform, samples=SAMPLES, every_s=0.3)]
    bar = (LINGER_S + SLACK_S) * 1000
    note = f"{SAMPLES} events, one at a time, from the 202 to the row; the wake-up waits {LINGER_S * 1000:g} ms of it"
    return [
        shown("rollup visible after commit, p50", waits[SAMPLES // 2], "ms", note),
        entry("rollup visible after commit, p99", waits[int(SAMPLES * 0.99) - 1], "≤", bar, "ms", note),
    ]


def _scalar(engine: Engine, statement: str) -> int:
    with transaction(engine) as session:
        return int(session.scalar(text(statement)) or 0)


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far (proc(5), fields 14 and 15, in hundredths of a second)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
