"""The signal at the station: prompt, apart from seeing, and only for what the profile lets exist."""

import io
import json
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from stressvision_agent.app import Agent
from stressvision_agent.drafts import EpisodeDraft
from stressvision_agent.enrolment import join
from stressvision_agent.local_alert import LINE, LocalAlert
from stressvision_agent.settings import (
    DeviceSettings,
    LocalAlertSettings,
    ServerSettings,
    Settings,
    SettingsError,
    SpoolSettings,
    check_command,
)
from stressvision_agent.sight import Sight
from support.servers import wait_until
from support.small_server import small_server


def opening(condition="fatigue", phase="open"):
    return EpisodeDraft(
        started_s=0.0, ended_s=60.0, model_version="m1", episode_id=uuid4(), phase=phase, condition=condition,
        peak=0.9, mean=0.8, coverage=0.9,
    )  # fmt: skip


def counted(how):
    return REGISTRY.get_sample_value("stressvision_agent_local_alerts_total", {"outcome": how}) or 0.0


@contextmanager
def counting(how):
    before, change = counted(how), []
    yield change
    change.append(counted(how) - before)


def program(folder: Path, body: str) -> str:
    script = folder / "light.py"
    script.write_text(body)
    return f"{sys.executable} {script} 'two words'"


def test_a_line_within_a_second_of_the_rule():
    out = io.StringIO()
    with LocalAlert(LocalAlertSettings(), out=out) as alert:
        begun = time.monotonic()
        alert.notice(opening())
        wait_until(lambda: LINE in out.getvalue(), "the line", timeout_s=1)
        took_s = time.monotonic() - begun

    assert took_s < 1


def test_a_program_runs_with_the_words_of_the_settings_alone(tmp_path):
    mark = tmp_path / "mark"
    command = program(tmp_path, f"import sys, json; open({str(mark)!r}, 'w').write(json.dumps(sys.argv[1:]))")
    with counting("command") as change, LocalAlert(LocalAlertSettings(console=False, command=command)) as alert:
        alert.notice(opening())
        wait_until(lambda: counted("command") > 0 and mark.exists() and mark.read_text(), "the program", timeout_s=10)

    assert json.loads(mark.read_text()) == ["two words"]
    assert change == [1]


def test_a_program_that_hangs_is_killed_and_holds_up_nothing(tmp_path):
    command = program(tmp_path, "import time; time.sleep(60)")
    settings = LocalAlertSettings(console=False, command=command, timeout_s=0.5, cooldown_s=0)
    before = counted("timeout")
    with LocalAlert(settings) as alert:
        begun = time.monotonic()
        for _ in range(5):
            alert.notice(opening())
        took_s = time.monotonic() - begun
        wait_until(lambda: counted("timeout") > before, "the kill", timeout_s=5)

    assert took_s < 0.1


def test_a_program_that_is_not_there_is_counted():
    with counting("failed") as change, LocalAlert(LocalAlertSettings(console=False, command="/nowhere/light")) as alert:
        before = counted("failed")
        alert.notice(opening())
        wait_until(lambda: counted("failed") > before, "the count", timeout_s=5)

    assert change == [1]


def test_it_cools_down():
    out, now_s = io.StringIO(), [1000.0]
    settings = LocalAlertSettings(cooldown_s=180)
    with counting("cooldown") as change, LocalAlert(settings, monotonic=lambda: now_s[0], out=out) as alert:
        for at_s in (1000.0, 1100.0, 1181.0):
            now_s[0] = at_s
            alert.notice(opening())
            time.sleep(0.1)

    assert out.getvalue().count(LINE) == 2
    assert change == [1]


@pytest.mark.parametrize("draft", [opening("stress"), opening(phase="close"), None])
def test_nothing_else_is_signalled(draft):
    out = io.StringIO()
    with LocalAlert(LocalAlertSettings(), out=out) as alert:
        alert.notice(draft)
        time.sleep(0.1)

    assert out.getvalue() == ""


class Told:
    """A seeing side that records one opening."""

    def __init__(self, clock, directives, record, first_model):
        self.clock, self.record = clock, record

    def run(self, stop):
        now_s = self.clock.monotonic()
        self.record(replace(opening(), started_s=now_s - 60, ended_s=now_s))
        stop.wait(0.5)

    def moved_s(self):
        return self.clock.monotonic()

    def sight(self):
        return Sight(state="seeing")

    def adopt(self, classifier):
        pass


@pytest.mark.parametrize(("profile", "lines", "events"), [("safety", 1, 1), ("fatigue_only", 1, 1), ("off", 0, 0)])
def test_the_agent_signals_what_the_sites_profile_lets_exist(tmp_path, capsys, profile, lines, events):
    with small_server() as small:
        small.wishes = {"site_profile": profile, "paused": False}
        settings = Settings(
            server=ServerSettings(url=small.url), device=DeviceSettings(state_dir=tmp_path),
            spool=SpoolSettings(min_free_bytes=0),
        )  # fmt: skip
        join(settings, "CODE")
        Agent(settings, Told).run()

        assert capsys.readouterr().out.count(LINE) == lines
        assert len(small.events) == events


def test_switched_off_it_has_no_thread():
    before = threading.active_count()
    with LocalAlert(LocalAlertSettings(console=False)) as alert:
        alert.notice(opening())
        assert threading.active_count() == before


@pytest.mark.parametrize(("command", "words"), [("light on", "whole path"), ("/bin/light 'on", "split into words")])
def test_a_command_that_cannot_be_meant_is_refused(command, words):
    with pytest.raises(SettingsError, match=words):
        check_command(command, where="agent.toml: local_alert.command")
