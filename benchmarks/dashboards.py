"""How long every SQL statement of every dashboard takes over a year of 500 employees."""

import shutil
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from stressvision_store import cli
from support.database import Database, create_database, prepare_cluster
from support.grafana import Statement, expand, statements
from support.looks import look_at_everybody
from support.model_days import use_model
from support.past import repeat
from support.publication import publish
from support.rollups import fill
from support.servers import start_postgres

EMPLOYEES = 500
DAYS = 28
"""Of these there are five minutes, too; the rest of the year repeats their shifts, areas and published figures."""

YEAR = 364
BAR_MS = 200.0
REPEATS = 5
ONE_OF = ("person", "model", "run")
"""Variables of which one is chosen at a time."""


def run() -> list[dict[str, Any]]:
    """One entry for each dashboard's slowest statement (ms, median of five), each to stay under the bar."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-dashboards-"))
    folder.chmod(0o755)
    server = start_postgres(folder / "postgres", options={"shared_buffers": "256MB"})
    try:
        return _entries(_filled(server.url))
    finally:
        server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def _filled(admin_url: str) -> Database:
    database = create_database(prepare_cluster(admin_url), "dashboards")
    cli.prepare(database.urls)
    with psycopg.connect(database.url("owner")) as connection:
        fill(connection, employees=EMPLOYEES, days=DAYS, last=datetime.now(UTC).date() - timedelta(days=2))
        look_at_everybody(connection, most=20)
        use_model(connection, days=DAYS)
    publish(database)
    repeat(database, days=DAYS, times=YEAR // DAYS - 1)
    return database


def _entries(database: Database) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    choices: dict[str, list[str]] = {}
    slowest: dict[str, tuple[float, Statement]] = {}
    for statement in statements():
        sql = expand(statement.text, choices, now - timedelta(days=YEAR), now)
        with psycopg.connect(database.url(statement.role), autocommit=True) as connection:
            rows, took_ms = _timed(connection, sql)
        if statement.panel.startswith("$"):
            name = statement.panel[1:]
            # as Grafana fills in nothing
            choices[name] = [str(row[0]) for row in rows][: 1 if name in ONE_OF else None] or [""]
        before = slowest.get(statement.dashboard)
        if before is None or took_ms > before[0]:
            slowest[statement.dashboard] = (took_ms, statement)
    return [
        {
            "name": f"slowest query of {dashboard}: {statement.panel}",
            "figure": f"{took_ms:.1f} ms",
            "bar": f"< {BAR_MS:g} ms",
            "met": took_ms < BAR_MS,
        }
        for dashboard, (took_ms, statement) in sorted(slowest.items())
    ]


def _timed(connection: psycopg.Connection[tuple[Any, ...]], sql: str) -> tuple[list[tuple[Any, ...]], float]:
    took = []
    rows: list[tuple[Any, ...]] = []
    for _ in range(REPEATS):
        begun = time.perf_counter()
        rows = connection.execute(sql.encode()).fetchall()
        took.append((time.perf_counter() - begun) * 1000)
    return rows, statistics.median(took)
