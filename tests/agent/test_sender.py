"""The sending thread and the agent around it: a jump of the clock is told, a failure of one thread is not the end."""

import json
import threading
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from stressvision_agent.app import Agent
from stressvision_agent.clock import SystemClock
from stressvision_agent.directives import Directives
from stressvision_agent.enrolment import join
from stressvision_agent.heartbeat import Heartbeater
from stressvision_agent.sender import Sender
from stressvision_agent.settings import (
    DeviceSettings,
    HeartbeatSettings,
    ServerSettings,
    Settings,
    SpoolSettings,
)
from stressvision_agent.sight import Sight
from stressvision_agent.spool import Spool
from support.device import TurnedClock, gap, sending_side, window
from support.disks import no_writes
from support.servers import wait_until
from support.small_server import small_server


def settings_for(tmp_path, url):
    return Settings(
        server=ServerSettings(url=url, read_timeout_s=2.0),
        device=DeviceSettings(state_dir=tmp_path),
        heartbeat=HeartbeatSettings(interval_s=0.2),
        spool=SpoolSettings(min_free_bytes=0),
    )


def make_sender(side, tmp_path, url):
    settings = settings_for(tmp_path, url)
    directives = Directives(settings.directives_file, settings.off_switch)
    heartbeater = Heartbeater(side.spool, side.client, side.timeline, side.clock, directives, settings)
    return Sender(side.spool, side.uploader, heartbeater, side.timeline, side.clock)


def test_a_jump_of_the_wall_clock_becomes_a_gap(tmp_path):
    clock = TurnedClock()
    with small_server() as small, sending_side(tmp_path / "spool", small.url, clock) as side:
        small.now = clock.true_now
        sender = make_sender(side, tmp_path, small.url)
        sender.turn()
        clock.advance(5)
        clock.offset = timedelta(days=1)
        sender.turn()
        (event,) = small.events.values()
    assert (event["kind"], event["reason"], event["lost"]) == ("gap", "clock", 0)


def test_drain_gives_up_in_time_when_the_server_is_away(tmp_path):
    clock = TurnedClock()
    with small_server() as gone:
        url = gone.url
    with sending_side(tmp_path / "spool", url, clock) as side:
        side.spool.append(window(clock.uptime_s))
        before = clock.uptime_s
        make_sender(side, tmp_path, url).drain(3.0, sleep=clock.advance)
        assert side.spool.status().events == 1
        assert clock.uptime_s - before <= 3.1


class Blind:
    """A seeing side without a camera: it records what it is told to, then waits, ends or fails."""

    def __init__(self, clock, directives, record, first_model, drafts=(), failure=None, stay=True):
        self.clock, self.record = clock, record
        self.drafts, self.failure, self.stay = drafts, failure, stay

    def run(self, stop):
        for draft in self.drafts:
            self.record(draft)
        if self.failure:
            raise self.failure
        if self.stay:
            stop.wait(30)
            self.record(gap(self.clock.monotonic(), reason="paused"))

    def moved_s(self):
        return self.clock.monotonic()

    def sight(self):
        return Sight(state="seeing")

    def adopt(self, classifier):
        pass


def make_agent(tmp_path, url, **how):
    join(settings_for(tmp_path, url), "CODE")
    return agent_of(tmp_path, url, **how)


def agent_of(tmp_path, url, **how):
    return Agent(settings_for(tmp_path, url), lambda *parts: Blind(*parts, **how))


def now_s():
    return SystemClock().monotonic()


def test_a_source_that_ends_ends_the_agent_with_everything_sent(tmp_path):
    with small_server() as small:
        drafts = [window(now_s(), length_s=1) for _ in range(3)]
        assert make_agent(tmp_path, small.url, drafts=drafts, stay=False).run() == 0
        assert len(small.events) == 3


def test_stop_lets_seeing_close_what_is_open_and_sends_it(tmp_path):
    with small_server() as small:
        agent = make_agent(tmp_path, small.url)
        thread = threading.Thread(target=agent.run)
        thread.start()
        wait_until(lambda: len(small.heartbeats) > 1, "heartbeats")
        agent.stop.set()
        thread.join(20)
        assert not thread.is_alive()
        assert [event["reason"] for event in small.events.values()] == ["paused"]


def test_a_server_that_falls_silent_at_the_end_holds_up_no_stop(tmp_path, monkeypatch):
    monkeypatch.setattr("stressvision_agent.app.STOP_SENDING_S", 0.3)
    monkeypatch.setattr("stressvision_agent.app.DRAIN_AT_STOP_S", 0.2)
    silent = threading.Event()
    with small_server() as small:
        small.refuse = lambda events: silent.wait(10) and 503
        agent = make_agent(tmp_path, small.url, failure=RuntimeError("no camera"))
        agent._sender.uploader._events._http.timeout = 30
        agent._directives.known = True
        monkeypatch.setattr(Sender, "run", lambda self, stop: stop.wait())
        agent.spool.append(gap(now_s()))
        before_s = now_s()
        assert agent.run() == 1
        took_s = now_s() - before_s
        silent.set()
    assert took_s < 8


def test_an_agent_that_starts_on_a_full_disk_begins_when_there_is_room(tmp_path, monkeypatch):
    monkeypatch.setattr("stressvision_agent.app.DISK_RETRY_S", 0.02)
    with small_server() as small:
        join(settings_for(tmp_path, small.url), "CODE")
        Spool(tmp_path / "spool", SpoolSettings(), SystemClock()).close()
        agents = []
        with no_writes():
            starting = threading.Thread(target=lambda: agents.append(agent_of(tmp_path, small.url, stay=False)))
            starting.start()
            starting.join(0.2)
            assert starting.is_alive()
        starting.join(10)
        assert [agent.run() for agent in agents] == [0]


def test_a_spool_that_belongs_to_somebody_else_is_not_waited_for(tmp_path):
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "spool.lock").mkdir()
    with small_server() as small, pytest.raises(IsADirectoryError):
        make_agent(tmp_path, small.url)


def test_what_makes_seeing_fail_is_kept_for_the_exit_status(tmp_path):
    with small_server() as small:
        failure = RuntimeError("no camera")
        agent = make_agent(tmp_path, small.url, drafts=[gap(now_s())], failure=failure)
        assert agent.run() == 0
        assert agent.failure is failure
        assert len(small.events) == 1


def test_a_failing_turn_of_the_sender_is_counted_and_the_next_one_works(tmp_path, monkeypatch):
    with small_server() as small:
        agent = make_agent(tmp_path, small.url)
        monkeypatch.setattr("stressvision_agent.sender.AFTER_FAILURE_S", 0.05)
        turns = iter([ZeroDivisionError(), ZeroDivisionError()])
        real = agent._sender.heartbeater.step

        def sometimes():
            for failure in turns:
                raise failure
            return real()

        monkeypatch.setattr(agent._sender.heartbeater, "step", sometimes)
        before = failures()
        thread = threading.Thread(target=agent.run)
        thread.start()
        wait_until(lambda: bool(small.heartbeats), "a heartbeat after two failures")
        agent.stop.set()
        thread.join(20)
        assert failures() == before + 2


def test_events_are_sent_though_heartbeats_fail(tmp_path, monkeypatch):
    clock = TurnedClock()
    with small_server() as small, sending_side(tmp_path / "spool", small.url, clock) as side:
        sender = make_sender(side, tmp_path, small.url)
        monkeypatch.setattr("stressvision_agent.heartbeat.throttled", lambda: 1 / 0)
        side.spool.append(window(clock.uptime_s))
        sender.turn()
        assert len(small.events) == 1


def test_a_recording_that_fails_is_not_sent_for_a_minute_before_the_agent_starts_anew(tmp_path):
    with small_server() as small:
        agent = make_agent(tmp_path, small.url, failure=RuntimeError("no camera"))
        small.refuse = lambda events: 503
        agent.spool.append(gap(now_s()))
        before_s = now_s()
        agent.run()
        assert now_s() - before_s < 20


def failures():
    return REGISTRY.get_sample_value("stressvision_agent_loop_failures_total", {"loop": "send"}) or 0


@pytest.mark.parametrize("profile", ["fatigue_only"])
def test_the_profile_is_a_fence_before_the_spool(tmp_path, profile):
    with small_server() as small:
        small.wishes = {"site_profile": profile, "paused": False}
        assert make_agent(tmp_path, small.url, drafts=[window(now_s(), length_s=1)], stay=False).run() == 0
        (event,) = small.events.values()
        assert set(event["seconds"]) == {"fatigue"}
        assert "neutral" not in json.dumps(small.batches)
