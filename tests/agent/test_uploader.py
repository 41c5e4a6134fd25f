"""The uploader over real HTTP: each event arrives once, whatever the server answers, and the bad one is set aside."""

import json
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from stressvision_agent.client import Answer
from stressvision_agent.settings import SpoolSettings, UploadSettings
from stressvision_agent.spool import Spool
from stressvision_agent.timeline import Timeline
from stressvision_agent.uploader import REFUSED_IN_A_ROW, Uploader
from support.device import TurnedClock, episode, gap, sending_side, window
from support.small_server import Reply, small_server
from support.spools import everything


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def small(clock):
    with small_server() as server:
        server.now = clock.true_now
        yield server


@pytest.fixture
def side(tmp_path, small, clock):
    with sending_side(tmp_path, small.url, clock) as made:
        yield made


def metric(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize("compression", ["zstd", "gzip", "none"])
def test_events_arrive_as_they_were_spooled(tmp_path, small, clock, compression):
    with sending_side(tmp_path, small.url, clock, compression=compression) as side:
        side.spool.append_all([window(clock.uptime_s), episode(clock.uptime_s), gap(clock.uptime_s)])
        side.drain()
    assert sorted(event["kind"] for event in small.events.values()) == ["episode", "gap", "window"]
    (batch,) = small.batches
    assert batch["boot_id"] == clock.boot
    assert batch["sent_monotonic_s"] == pytest.approx(clock.uptime_s, abs=1)


def test_one_token_serves_many_batches_and_is_renewed_before_it_ends(side, small, clock):
    for _ in range(3):
        side.spool.append(window(clock.uptime_s))
        side.drain()
    assert small.requests.count("/v1/token") == 1
    clock.advance(3600)
    side.spool.append(window(clock.uptime_s))
    side.drain()
    assert small.requests.count("/v1/token") == 2


def test_a_refused_token_is_replaced_at_once(side, small, clock):
    small.script = [Reply(401)]
    side.spool.append(window(clock.uptime_s))
    assert side.uploader.step() == 0
    assert len(small.events) == 1
    assert small.tokens == 2


def test_an_answer_lost_after_the_commit_makes_duplicates_not_doubles(side, small, clock):
    before = metric("stressvision_agent_events_settled_total", verdict="duplicate")
    small.script = [Reply(store=True, hang_up=True)]
    side.spool.append_all([window(clock.uptime_s) for _ in range(20)])
    side.drain()
    assert len(small.events) == 20
    assert metric("stressvision_agent_events_settled_total", verdict="duplicate") == before + 20


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 301, 404, 200])
def test_any_other_answer_means_again_later(side, small, clock, status):
    small.script = [Reply(status)]
    side.spool.append(window(clock.uptime_s))
    assert side.uploader.step() > 0 or status == 200
    assert side.spool.status().events == 1
    side.drain()
    assert len(small.events) == 1


def test_retry_after_is_honoured(side, small, clock):
    small.script = [Reply(503, headers={"Retry-After": "120"})]
    side.spool.append(window(clock.uptime_s))
    assert side.uploader.step() >= 120
    asked = small.requests.count("/v1/events")
    clock.advance(119)
    side.uploader.step()
    assert small.requests.count("/v1/events") == asked


def test_retry_after_as_a_date_is_honoured(side, small, clock):
    at = clock.true_now().replace(microsecond=0)
    small.script = [Reply(429, headers={"Retry-After": f"{at.replace(hour=at.hour + 1):%a, %d %b %Y %H:%M:%S} GMT"})]
    side.spool.append(window(clock.uptime_s))
    assert side.uploader.step() >= 3598


def test_a_server_that_is_away_costs_nothing_but_time(tmp_path, clock):
    with small_server() as gone:
        url = gone.url
    with sending_side(tmp_path, url, clock) as side:
        side.spool.append(window(clock.uptime_s))
        assert side.uploader.step() >= 0
        assert side.spool.status().events == 1


def test_a_revoked_device_goes_on_spooling_and_asks_rarely(side, small, clock):
    small.script = [Reply(403)]
    side.spool.append(window(clock.uptime_s))
    assert side.uploader.step() == pytest.approx(900)
    assert side.uploader.revoked
    clock.advance(901)
    side.drain()
    assert not side.uploader.revoked


@pytest.mark.parametrize("status", [400, 413, 422])
def test_the_one_bad_event_is_found_by_halving_and_set_aside(side, small, clock, status):
    seqs = side.spool.append_all([window(clock.uptime_s) for _ in range(100)])
    small.refuse = lambda events: status if any(event["seq"] == seqs[37] for event in events) else None
    side.drain()
    assert {event["seq"] for event in small.events.values()} == set(seqs) - {seqs[37]}
    assert side.spool.status().set_aside == 1
    assert small.requests.count("/v1/events") <= 2 * 7 + 2


def test_a_way_that_refuses_everything_does_not_empty_the_spool(side, small, clock):
    small.refuse = lambda events: 413
    side.spool.append_all([window(clock.uptime_s) for _ in range(100)])
    assert side.uploader.step() > 60
    status = side.spool.status()
    assert (status.set_aside, status.events) == (REFUSED_IN_A_ROW, 100 - REFUSED_IN_A_ROW)


def test_a_way_that_refuses_everything_for_a_night_loses_nothing(tmp_path, clock):
    events = StubbornEvents(refuses=lambda seqs: True)
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=0), clock)) as spool:
        uploader = Uploader(spool, events, Timeline(clock, spool), clock, UploadSettings(max_events=10))
        spool.append_all([window(clock.uptime_s + minute * 60) for minute in range(12 * 60)])
        until_s = clock.uptime_s + 12 * 3600
        while clock.uptime_s < until_s:
            clock.advance(uploader.step() + 1)
        assert spool.status().set_aside < 100, "of which a thousand are kept"


def test_halving_over_a_slow_line_lets_heartbeats_through(side, small, clock):
    """A proxy that takes no large body, at the end of a line on which every answer takes four seconds."""

    def slowly(events):
        clock.advance(4)
        return 413 if len(events) > 1 else None

    small.refuse = slowly
    side.spool.append_all([window(clock.uptime_s) for _ in range(20)])
    longest_s = 0.0
    while side.spool.status().events:
        before_s = clock.uptime_s
        wait_s = side.uploader.step()
        longest_s = max(longest_s, clock.uptime_s - before_s)
        clock.advance(wait_s)
    assert longest_s <= 60
    assert len(small.events) == 20


def test_rejected_events_are_forgotten_and_counted(side, small, clock):
    before = metric("stressvision_agent_events_rejected_total", reason="bad_value")
    strange = metric("stressvision_agent_events_rejected_total", reason="other")
    seqs = side.spool.append_all([window(clock.uptime_s) for _ in range(4)])
    small.reject = lambda event: {seqs[1]: "bad_value", seqs[2]: "from the future"}.get(event["seq"])
    side.drain()
    assert len(small.events) == 2
    assert metric("stressvision_agent_events_rejected_total", reason="bad_value") == before + 1
    assert metric("stressvision_agent_events_rejected_total", reason="other") == strange + 1


@pytest.mark.parametrize("body", [{"stored": 1, "duplicate": 0, "rejected": []}, {"hello": "captive portal"}])
def test_a_receipt_that_does_not_add_up_settles_nothing(side, small, clock, body):
    small.script = [Reply(202, body)]
    side.spool.append_all([window(clock.uptime_s) for _ in range(3)])
    side.uploader.step()
    assert side.spool.status().events == 3
    side.drain()
    assert len(small.events) == 3


def test_live_events_go_before_the_backlog(side, small, clock):
    side.spool.append_all([window(clock.uptime_s - 400) for _ in range(1500)])
    side.spool.append(window(clock.uptime_s))
    side.uploader.step()
    assert [event["seq"] for event in small.batches[0]["events"]] == [1500]
    assert len(small.batches[1]["events"]) == 500


def test_the_backlog_leaves_no_faster_than_its_budget(tmp_path, small, clock):
    with sending_side(tmp_path, small.url, clock, backlog_per_s=100.0) as side:
        side.spool.append_all([window(clock.uptime_s - 400) for _ in range(1000)])
        assert side.uploader.step() == 0
        assert side.uploader.step() == pytest.approx(5.0)
        side.spool.append(window(clock.uptime_s))
        side.uploader.step()
        assert len(small.batches) == 2
        assert len(small.batches[1]["events"]) == 1


def test_a_batch_says_what_is_known_of_its_boot(tmp_path, small, clock):
    with sending_side(tmp_path, small.url, clock) as side:
        side.spool.append(window(clock.uptime_s))
        side.timeline.observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    first, booted_at = clock.boot, clock.booted_at
    clock.reboot()
    with sending_side(tmp_path, small.url, clock) as side:
        side.spool.append(window(clock.uptime_s))
        side.drain()
    old = next(batch for batch in small.batches if batch["boot_id"] == first)
    new = next(batch for batch in small.batches if batch["boot_id"] == clock.boot)
    assert old["boot_started_at"] == booted_at.isoformat().replace("+00:00", "Z")
    assert old["sent_monotonic_s"] is None
    assert new["sent_monotonic_s"] is not None


class StubbornEvents:
    """A server that refuses some batches, in process, so that many cases can be tried."""

    def __init__(self, refuses):
        self.refuses, self.taken = refuses, []

    def post_events(self, body):
        seqs = [event["seq"] for event in json.loads(body)["events"]]
        if self.refuses(seqs):
            return Answer(422)
        self.taken += seqs
        return Answer(202, json.dumps({"stored": len(seqs), "duplicate": 0}).encode())


class WhileSeeing:
    """A server that takes everything, while the seeing side goes on and fills the spool."""

    def __init__(self, spool, clock):
        self.spool, self.clock, self.told = spool, clock, []

    def post_events(self, body):
        events = json.loads(body)["events"]
        self.told += events
        for _ in range(20):
            self.spool.append(window(self.clock.uptime_s))
        return Answer(202, json.dumps({"stored": len(events), "duplicate": 0}).encode())


def test_what_is_on_its_way_is_not_given_up_and_so_counted_twice(tmp_path, clock):
    with closing(Spool(tmp_path, SpoolSettings(max_bytes=64 << 10, min_free_bytes=0), clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(200)])
        server = WhileSeeing(spool, clock)
        uploader = Uploader(spool, server, Timeline(clock, spool), clock, UploadSettings(max_events=100))
        for _ in range(5):
            clock.advance(uploader.step() + 1)
        waiting = everything(spool)
        lost = sum(event.get("lost", 0) for event in server.told + waiting)
        assert len(server.told) + len(waiting) + lost == spool.status().next_seq


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 60), st.sets(st.integers(0, 59), max_size=9), st.integers(1, 64))
def test_halving_finds_exactly_the_bad_ones(tmp_path_factory, n, bad, batch):
    clock = TurnedClock()
    spool = Spool(tmp_path_factory.mktemp("spool"), SpoolSettings(min_free_bytes=0), clock)
    bad = {seq for seq in bad if seq < n}
    events = StubbornEvents(refuses=bad.intersection)
    uploader = Uploader(spool, events, Timeline(clock, spool), clock, UploadSettings(max_events=batch))
    spool.append_all([window(clock.uptime_s) for _ in range(n)])
    while spool.status().events:
        clock.advance(uploader.step() + 0.01)
    assert sorted(events.taken) == sorted(set(range(n)) - bad)
    assert spool.status().set_aside == len(bad)
    spool.close()
