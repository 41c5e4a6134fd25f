"""The installed program takes a model while it sees: nothing of the time is lost, and events say who saw what."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import cv2
import pytest

from support.models import FACTORY, SHIPPED, SmallRepository, make_model
from support.pictures import portrait
from support.servers import wait_until
from support.small_server import small_server

pytestmark = pytest.mark.e2e

PROGRAM = Path(sys.executable).with_name("stressvision-agent")
WINDOW_S = 5


@pytest.fixture
def small():
    with small_server() as server:
        server.wishes = {"site_profile": "full", "paused": False}
        yield server


@pytest.fixture
def config(tmp_path, small):
    """One who moves a little before the camera."""
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for index in range(12):
        cv2.imwrite(str(pictures / f"{index:02}.png"), portrait(1.2 + 0.02 * (index % 6), left=160 + 2 * index))
    path = tmp_path / "agent.toml"
    path.write_text(
        f'[server]\nurl = "{small.url}"\n[device]\nstate_dir = "{tmp_path}/state"\n'
        f'[camera]\nsource = "dir:{pictures}"\nrepeat = true\n[vision]\nmodel = "{SHIPPED}"\n'
        f"[episodes]\nwindow_s = {WINDOW_S}\n[heartbeat]\ninterval_s = 1\n[spool]\nmin_free_bytes = 0\n"
        "[updates]\ngood_frames = 20\nlatency_p95_s = 0.5\nheartbeat_s = 0.5\n"
    )
    subprocess.run([PROGRAM, "enroll", "--config", path, "--code", "x"], check=True, capture_output=True, timeout=60)
    return path


@contextmanager
def running(config):
    agent = subprocess.Popen([PROGRAM, "run", "--config", config], stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield agent
        agent.send_signal(signal.SIGTERM)
        _, words = agent.communicate(timeout=30)
        assert agent.returncode in {0, -signal.SIGKILL}, words.decode()
    finally:
        agent.kill()
        agent.communicate()


def heard(small, state, version):
    def has_heard():
        beats = [
            ((beat.get("update") or {}).get("state"), beat.get("model_version")) for beat in list(small.heartbeats)
        ]
        return (state, version) in beats

    return has_heard


def seen(small):
    events = sorted(small.events.values(), key=lambda event: event["seq"])
    return [event for event in events if event["kind"] in {"window", "gap"}]


def test_a_model_is_changed_without_losing_time(small, config):
    repository = SmallRepository(files=small.files)
    with running(config):
        wait_until(lambda: any(beat.get("state") == "seeing" for beat in list(small.heartbeats)), "a seeing agent")
        time.sleep(WINDOW_S / 2)
        wish = repository.add(make_model("good"), "n-1")
        offered_s = time.monotonic()
        small.wishes["desired_model"] = {"version": wish.version, "digest": wish.digest}
        wait_until(heard(small, "confirmed", "n-1"), "a confirmed model", timeout_s=60)
        took_s = time.monotonic() - offered_s
        time.sleep(WINDOW_S / 2)
    assert took_s < 60
    assert small.heartbeats[-1]["model_digest"] == wish.digest
    assert {(beat.get("update") or {}).get("state") for beat in small.heartbeats} >= {"installed", "confirmed"}
    told = seen(small)
    assert [event["kind"] for event in told] == ["window"] * len(told)
    versions = [event["model_version"] for event in told]
    assert versions == sorted(versions, key="n-1".__eq__)
    assert set(versions) == {FACTORY["version"], "n-1"}
    for one, after in pairwise(told):
        apart = datetime.fromisoformat(after["started_at"]) - datetime.fromisoformat(one["ended_at"])
        assert abs(apart.total_seconds()) < 0.2


def test_a_model_that_is_killed_twice_while_unproven_is_taken_back_within_a_minute(small, config):
    repository = SmallRepository(files=small.files)
    config.write_text(config.read_text().replace("good_frames = 20", "good_frames = 100000"))
    wish = repository.add(make_model("good"), "n-1")
    small.wishes["desired_model"] = {"version": wish.version, "digest": wish.digest}
    for life in range(2):
        small.heartbeats.clear()
        with running(config) as agent:
            wait_until(heard(small, "installed", "n-1"), f"the new model in life {life}", timeout_s=40)
            agent.kill()
    small.heartbeats.clear()
    small.files.clear()
    began_s = time.monotonic()
    with running(config):
        wait_until(heard(small, "reverted", FACTORY["version"]), "the old model", timeout_s=60)
        assert time.monotonic() - began_s < 60
