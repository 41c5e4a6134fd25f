"""The demo against a real platform: everything through its APIs, once, however often it is run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from demo.clip import make_clip
from native.layout import ROOT, Layout

pytestmark = pytest.mark.e2e


def run_demo(folder: Path, layout: Layout, *options: str) -> dict[str, Any]:
    """`make demo` with two days of history and a short clip, its state in `folder`."""
    command = [sys.executable, "-m", "demo", "--json", "--days", "2", "--folder", str(folder), *options]
    environment = os.environ | layout.settings | {"PYTHONPATH": str(ROOT / "infra")}
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def test_the_demo_fills_the_platform_and_counts_nothing_twice(native_stack: Layout, tmp_path: Path) -> None:
    clip = tmp_path / "clip.avi"
    make_clip(clip, seconds=15)

    first = run_demo(tmp_path / "demo", native_stack, "--source", str(clip))

    plant = first["plant"]
    assert plant["sent"] == plant["stored"] == plant["produced"] > 3_000
    assert plant["duplicate"] == plant["rejected"] == 0
    assert first["rolled_up"]["person_shifts"] > 60
    assert first["rolled_up"]["observed_hours"] > 300
    assert first["rolled_up"]["group_cells"] > first["rolled_up"]["withheld_cells"] > 0
    assert first["agent"]["error"] is None
    assert first["agent"]["frames"] > 50
    assert first["agent"]["faces"] > 20
    assert first["agent"]["stored"] >= 1

    again = run_demo(tmp_path / "demo", native_stack, "--source", str(clip), "--again")

    assert again["plant"]["duplicate"] == plant["stored"]
    assert again["plant"]["rejected"] == 0
    assert again["rolled_up"]["person_shifts"] >= first["rolled_up"]["person_shifts"]
