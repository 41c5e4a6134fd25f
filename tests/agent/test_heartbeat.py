"""The heartbeat over real HTTP, what it reports, and the word to systemd."""

import socket
from contextlib import contextmanager

import pytest

from stressvision_agent import health
from stressvision_agent.directives import Directives
from stressvision_agent.heartbeat import Heartbeater
from stressvision_agent.settings import DeviceSettings, ServerSettings, Settings
from stressvision_agent.sight import Sight
from support.device import TurnedClock, sending_side, window
from support.small_server import small_server


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def small(clock):
    with small_server() as server:
        server.now = clock.true_now
        yield server


@contextmanager
def beating(tmp_path, small, clock):
    settings = Settings(server=ServerSettings(url=small.url), device=DeviceSettings(state_dir=tmp_path))
    directives = Directives(settings.directives_file, settings.off_switch)
    with sending_side(tmp_path / "spool", small.url, clock) as side:
        sight = Sight(model_version="m1", model_digest="d" * 64, state="seeing", frames_per_second=14.5)
        heartbeater = Heartbeater(side.spool, side.client, side.timeline, clock, directives, settings, lambda: sight)
        yield side, directives, heartbeater


def test_it_tells_how_the_device_is(tmp_path, small, clock):
    with beating(tmp_path, small, clock) as (side, _, heartbeater):
        side.spool.append_all([window(clock.uptime_s - 300), window(clock.uptime_s)])
        side.spool.set_aside(1, "422")
        assert heartbeater.beat()
    (report,) = small.heartbeats
    assert (report["next_seq"], report["spooled"]) == (2, 2)
    assert report["spool_age_s"] == pytest.approx(300)
    assert (report["model_version"], report["frames_per_second"]) == ("m1", 14.5)
    assert report["boot_id"] == clock.boot


def test_it_beats_about_every_half_minute(tmp_path, small, clock):
    with beating(tmp_path, small, clock) as (_, _, heartbeater):
        for _ in range(300):
            heartbeater.step()
            clock.advance(1)
    assert 9 <= len(small.heartbeats) <= 12


def test_it_obeys_and_says_so_in_the_next_report(tmp_path, small, clock):
    small.wishes = {"site_profile": "safety", "paused": True, "desired_model": None, "something_new": 5}
    with beating(tmp_path, small, clock) as (_, directives, heartbeater):
        heartbeater.beat()
        assert directives.pause_reason() == "server"
        heartbeater.beat()
    assert small.heartbeats[-1]["paused"]
    assert small.heartbeats[-1]["state"] == "paused by server"


@pytest.mark.parametrize(
    "wishes", [{"site_profile": "everything"}, {}, {"site_profile": "off", "server_time": "2026-03-02T12:00:00"}]
)
def test_an_answer_it_cannot_read_changes_nothing(tmp_path, small, clock, wishes):
    with beating(tmp_path, small, clock) as (_, directives, heartbeater):
        heartbeater.beat()
        small.wishes = wishes
        assert not heartbeater.beat()
        assert directives.wishes.site_profile == "full"


def test_a_server_away_changes_nothing(tmp_path, clock):
    with small_server() as small:
        pass
    with beating(tmp_path, small, clock) as (_, directives, heartbeater):
        assert not heartbeater.beat()
        assert not directives.known


def test_systemd_hears_of_the_agent(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        assert health.notify("WATCHDOG=1")
        assert listener.recv(64) == b"WATCHDOG=1"


def test_without_systemd_there_is_silence(tmp_path, monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not health.notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert not health.notify("READY=1")


def test_the_watchdog_is_fed_twice_in_its_time(monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    assert health.watchdog_interval_s() is None
    monkeypatch.setenv("WATCHDOG_USEC", "60000000")
    assert health.watchdog_interval_s() == 30


@pytest.mark.parametrize(("said", "slow"), [("0x0", False), ("0x50000", False), ("0x4", True), ("0x50005", True)])
def test_only_present_throttling_counts(tmp_path, monkeypatch, said, slow):
    program = tmp_path / "vcgencmd"
    program.write_text(f"#!/bin/sh\necho throttled={said}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert health.throttled() is slow


def test_heat_and_board_are_unknown_elsewhere(tmp_path):
    assert health.temperature_c(tmp_path / "none") is None
    (tmp_path / "temp").write_text("48312\n")
    assert health.temperature_c(tmp_path / "temp") == 48.312
    assert health.hardware(tmp_path / "none")
