"""A pattern of pixels goes before a real agent's camera and comes out nowhere: no file, no request, no log, no dump."""

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import psycopg
import pytest

from stressvision_agent.spool import DATABASE
from stressvision_contracts.manifest import read_manifest
from stressvision_store.model_tables import ModelVersion
from stressvision_store.session import transaction
from support import canary
from support.database import Database
from support.intake import make_settings, new_code, serve_intake
from support.pictures import portrait
from support.servers import wait_until

pytestmark = pytest.mark.e2e

PROGRAM = str(Path(sys.executable).with_name("stressvision-agent"))
MODEL = Path(__file__).parents[2] / "models" / "stressvision"
UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def tap(database: Database, redis_url: str) -> Iterator[canary.Wiretap]:
    manifest = read_manifest((MODEL / "manifest.json").read_bytes())
    with transaction(database.engine()) as session:
        session.add(ModelVersion(version=manifest.version, digest=manifest.digest, manifest={}))
    with serve_intake(make_settings(database, redis_url)) as intake, canary.wiretap(str(intake.base_url)) as tap:
        yield tap


def write_pictures(folder: Path) -> None:
    folder.mkdir()
    for index in range(6):
        cv2.imwrite(str(folder / f"{index}.png"), canary.plant(portrait(1.4, 150 + index, 20)))


def configure(folder: Path, url: str, pictures: Path) -> Path:
    config = folder / "agent.toml"
    values = {"url": url, "state": str(folder / "state"), "source": f"dir:{pictures}", "model": str(MODEL)}
    config.write_text(
        "[server]\nurl = {url}\n[device]\nstate_dir = {state}\nlog_level = 'DEBUG'\n"
        "[camera]\nsource = {source}\nrepeat = true\n[vision]\nmodel = {model}\n"
        "[episodes]\nwindow_s = 5\n[heartbeat]\ninterval_s = 1\n".format(
            **{name: json.dumps(value) for name, value in values.items()}
        )
    )
    return config


def seen(database: Database) -> int:
    """Windows with a face in them."""
    with psycopg.connect(database.url("owner")) as connection:
        row = connection.execute("SELECT count(*) FROM events WHERE kind = 1 AND faces > 0").fetchone()
        return int(row[0])  # type: ignore[index]


def rows_of(database: Database) -> bytes:
    """Every row of every table, as text."""
    with psycopg.connect(database.url("owner")) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [row for (name,) in tables for row in connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()]
    return "\n".join(str(row[0]) for row in rows).encode()


def test_a_picture_leaves_no_trace(tap: canary.Wiretap, database: Database, tmp_path: Path) -> None:
    pictures, home = tmp_path / "pictures", tmp_path / "home"
    write_pictures(pictures)
    home.mkdir()
    config = configure(home, tap.url, pictures)
    environment = {**os.environ, "TMPDIR": str(home), "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    code = new_code(database.engine())
    enrol = [PROGRAM, "enroll", "--config", str(config), "--code", code]
    subprocess.run(enrol, check=True, capture_output=True, timeout=60, env=environment, cwd=home)
    command = ["sh", "-c", 'ulimit -c unlimited 2>/dev/null; exec "$0" run --config "$1"', PROGRAM, str(config)]
    with (home / "agent.log").open("wb") as log:
        agent = subprocess.Popen(command, stdout=log, stderr=log, env=environment, cwd=home)
    try:
        wait_until(lambda: seen(database) >= 3, "windows with a face", timeout_s=90)
        limits = Path(f"/proc/{agent.pid}/limits").read_text()
        assert canary.in_memory_of(agent.pid) is not None, "looking for the pattern finds it where it is"
    finally:
        agent.send_signal(signal.SIGABRT)  # a crash, at a moment when there are pictures in memory
        agent.wait(30)

    assert agent.returncode == -signal.SIGABRT
    assert [line.split()[4:6] for line in limits.splitlines() if line.startswith("Max core")] == [["1", "1"]]
    assert canary.traces(home) == {}
    assert not [path.name for path in home.rglob("*core*") if path.is_file()]
    assert len(tap.heard) > 20
    assert [what for said in tap.heard if (what := canary.trace(said)) is not None] == []
    assert canary.trace(rows_of(database)) is None
    assert list((home / "state").rglob(DATABASE)), "there was a spool to look into"


@pytest.mark.parametrize("scale", [0.2, 0.5, 1.0, 1.7])
def test_the_pattern_is_found_however_it_is_kept(scale: float, tmp_path: Path) -> None:
    frame = canary.plant(np.zeros((480, 640), np.uint8))
    scaled = cv2.resize(frame, None, fx=scale, fy=scale)
    assert canary.trace(b"before" + scaled.tobytes()) is not None
    assert canary.trace(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR).tobytes()) is not None
    for kind in (".png", ".jpg", ".bmp"):
        cv2.imwrite(str(tmp_path / f"frame{kind}"), frame)
    assert len(canary.traces(tmp_path)) == 3
    assert canary.trace(bytes(range(256)) * 100) is None
