"""The demo against a real platform: everything through its APIs, once, however often it is run."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from demo.clip import make_clip
from native.layout import ROOT, Layout
from support.grafana import expand, statements
from support.looks import look_at

pytestmark = pytest.mark.e2e


def run_demo(folder: Path, layout: Layout, *options: str) -> dict[str, Any]:
    """`make demo` with four days of history and a short clip, its state in `folder`."""
    command = [sys.executable, "-m", "demo", "--json", "--days", "4", "--folder", str(folder), *options]
    environment = os.environ | layout.settings | {"PYTHONPATH": str(ROOT / "infra")}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


FULL = {f"stressvision-{name}" for name in ("home", "site", "groups", "person", "quality")}
"""Dashboards that must have something in each panel; others tell of what went wrong, which need not have happened."""

QUIET = ("@", "Otras expresiones", "Latencia p95", "En uso")
"""Marks of changes; what only the profile `full` shows; what heartbeats tell, which simulated devices send few of."""


def show_dashboards(layout: Layout) -> dict[str, int]:
    """Run every statement of every dashboard as its role; return how many rows each data source gave."""
    now = datetime.now(UTC)
    choices: dict[str, list[str]] = {}
    given: dict[str, int] = {}
    for statement in statements():
        sql = expand(statement.text, choices, now - timedelta(days=28), now)
        with psycopg.connect(layout.settings[f"{statement.role.upper()}_DATABASE_URL"]) as connection:
            rows = connection.execute(sql.encode()).fetchall()
        if statement.panel.startswith("$"):
            assert rows or statement.dashboard == "stressvision-training", statement  # the demo trains nothing
            name = statement.panel[1:]
            # a variable without a choice is an empty text to Grafana
            choices[name] = [str(row[0]) for row in rows][: 1 if name in ("person", "model") else None] or [""]
        elif statement.dashboard in FULL and not statement.panel.startswith(QUIET):
            assert any(value is not None for row in rows for value in row), statement
        given[statement.source] = given.get(statement.source, 0) + len(rows)
    return given


def test_the_demo_fills_the_platform_and_counts_nothing_twice(native_stack: Layout, tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    make_clip(clip, seconds=15)

    first = run_demo(tmp_path / "demo", native_stack, "--source", str(clip))

    plant = first["plant"]
    assert plant["sent"] == plant["stored"] == plant["produced"] > 3_000
    assert plant["duplicate"] == plant["rejected"] == 0
    assert first["rolled_up"]["person_shifts"] > 40
    assert first["rolled_up"]["observed_hours"] > 200
    assert first["rolled_up"]["group_cells"] > first["rolled_up"]["withheld_cells"]
    assert first["agent"]["error"] is None
    assert first["agent"]["frames"] > 50
    assert first["agent"]["faces"] > 20
    assert first["agent"]["stored"] >= 1

    with psycopg.connect(native_stack.settings["STRESSVISION_OWNER_DATABASE_URL"]) as connection:
        look_at(connection, "D-001")
    given = show_dashboards(native_stack)
    assert given["stressvision-hr"] > 20
    assert given["stressvision-ops"] > 20
    assert given["stressvision-safety"] > 10

    again = run_demo(tmp_path / "demo", native_stack, "--source", str(clip), "--again")

    assert again["plant"]["duplicate"] == plant["stored"]
    assert again["plant"]["rejected"] == 0
    assert again["rolled_up"]["person_shifts"] >= first["rolled_up"]["person_shifts"]
