"""How long a person waits for what is theirs: a year of one person, among others, exported, shown and erased."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from sqlmodel import Session

from benchmarks.results import Entry, entry
from stressvision_control.my_data.pages import own_page
from stressvision_control.privacy.pages import export_page
from stressvision_store import access_export, cli, erasure, own_data, personal_links
from stressvision_store.session import transaction
from support import plants
from support.database import Database, create_database, prepare_cluster
from support.servers import start_postgres

DAYS = 365
RAW_DAYS = 90
"""As kept by default."""
EXPORT_BAR_S, PAGE_BAR_S, ERASURE_BAR_S = 60.0, 1.0, 60.0

_WINDOWS = """
INSERT INTO rollup_windows (
    device_id, bucket_at, employee_id, shift_id, shift_date, area_id, site_id, windows, captured_ms, observed_ms,
    neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms, neutral_weight, stress_weight, sad_weight, happy_weight,
    fatigue_weight, stress_episodes, fatigue_episodes, model_versions)
SELECT p.device_id, (day + h.starts) AT TIME ZONE s.time_zone + n * interval '5 minutes', a.employee_id, h.id, day,
    st.area_id, s.id, 5, 300000, 240000, 220000, 10000, 0, 0, 10000, 0, 0, 0, 0, 0, 0, 0, ARRAY['m1']
FROM assignments a JOIN stations st ON st.id = a.station_id JOIN placements p ON p.station_id = st.id
JOIN shifts h ON h.id = a.shift_id JOIN sites s ON s.id = h.site_id
CROSS JOIN (SELECT current_date - k AS day FROM generate_series(1, %s) k) d
CROSS JOIN generate_series(0, 95) n
"""
_SHIFTS = """
INSERT INTO rollup_shifts (
    employee_id, shift_id, shift_date, site_id, starts_at, ends_at, scheduled_ms, state, revision, windows,
    captured_ms, observed_ms, neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms, neutral_weight, stress_weight,
    sad_weight, happy_weight, fatigue_weight, stress_episodes, fatigue_episodes, model_versions)
SELECT employee_id, shift_id, shift_date, site_id, min(bucket_at), min(bucket_at) + interval '8 hours', 28800000,
    'final', 0, sum(windows), sum(captured_ms), sum(observed_ms), sum(neutral_ms), sum(stress_ms), 0, 0,
    sum(fatigue_ms), 0, 0, 0, 0, 0, 0, 0, ARRAY['m1']
FROM rollup_windows GROUP BY employee_id, shift_id, shift_date, site_id
"""
_AUDIT = """
INSERT INTO audit (actor, action, subject, detail)
SELECT 'Rosa', 'employee.read', 'employee ' || 1 + n % 100, '{"reason": "a measurement"}'
FROM generate_series(1, 5000) n
"""


def run() -> list[Entry]:
    """In this process, over a real database; the request and the browser come on top."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-privacy-"))
    folder.chmod(0o755)
    server = start_postgres(folder / "postgres", options={"shared_buffers": "256MB"})
    try:
        database = create_database(prepare_cluster(server.url), "privacy")
        cli.prepare(database.urls)
        return _measure(database, *_fill(database))
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _fill(database: Database) -> tuple[int, str]:
    """The person: number and pseudonym. Three shifts at each of two stations, one of them with raw events."""
    since = datetime.now(UTC) - timedelta(days=RAW_DAYS)
    random = Random(1)  # noqa: S311 - a figure that can be had again
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(connection, first_date=(since - timedelta(days=DAYS)).date())
        connection.execute(_WINDOWS, [DAYS])
        connection.execute(_SHIFTS)
        connection.execute(_AUDIT)
        for day in range(RAW_DAYS):
            plants.store_events(
                connection, list(plants.stream([plant.devices[0]], since + timedelta(days=day), 1440, random))
            )
        connection.execute("DELETE FROM dirty_windows")
        connection.execute("VACUUM ANALYZE")
        row = connection.execute("SELECT pseudonym FROM employees WHERE id = %s", [plant.employees[0]]).fetchone()
    return plant.employees[0], str(row[0]) if row else ""


def _measure(database: Database, person: int, pseudonym: str) -> list[Entry]:
    def export(session: Session) -> dict[str, Any]:
        found = access_export.collect(session, person)
        json.dumps(found)
        export_page(found, "es")
        return found

    def show(session: Session) -> str:
        link, key = personal_links.make_link(session, person, days=30, actor="Ana")
        return own_page(own_data.own_data(session, person, language="es"), link, key, "es")

    def erase(session: Session) -> object:
        return erasure.erase(session, person, confirm=pseudonym, actor="Ana", reason="asked for in writing")

    found, export_s = _timed(database, export)
    _, page_s = _timed(database, show)
    _, erase_s = _timed(database, erase)
    counts = found["counts"]
    note = f"{counts['observations']} raw events, {counts['five_minutes']} five-minute rows, {counts['shifts']} shifts"
    return [
        entry("all that is kept of a person is exported", export_s, "≤", EXPORT_BAR_S, "s", note),
        entry("a person's own page is made", page_s, "≤", PAGE_BAR_S, "s"),
        entry("a person is erased", erase_s, "≤", ERASURE_BAR_S, "s"),
    ]


def _timed(database: Database, step: Callable[[Session], Any]) -> tuple[Any, float]:
    begun = time.perf_counter()
    with transaction(database.engine("control")) as session:
        done = step(session)
    return done, time.perf_counter() - begun
