"""The spool on a sound disk: what is in it, what goes first, what is given up; nothing vanishes uncounted."""

from contextlib import closing

import pytest

from stressvision_agent.settings import SpoolSettings
from stressvision_agent.spool import DATABASE, Spool
from stressvision_agent.spool_file import SpoolBusyError
from stressvision_agent.spool_status import read_status
from support.device import TurnedClock, episode, gap, window
from support.spools import ROOM, SMALL, events_of, everything


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.fixture
def spool(tmp_path, clock):
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=0), clock)) as made:
        yield made


def test_append_stamps_identity_number_and_times(spool, clock):
    assert spool.append(window(clock.uptime_s - 3, length_s=60)) == 0
    assert spool.append(episode(clock.uptime_s)) == 1
    first, second = sorted(everything(spool), key=lambda e: e["seq"])
    assert first["ended_at"] == "2026-03-02T12:16:37Z"
    assert first["started_at"] == "2026-03-02T12:15:37Z"
    assert first["monotonic_s"] == clock.uptime_s - 3
    assert first["event_id"][14] == "7"
    assert second["kind"] == "episode"


def test_numbers_go_on_after_reopening_and_acking_everything(tmp_path, clock):
    for expected in range(3):
        with closing(Spool(tmp_path, SMALL, clock)) as spool:
            assert spool.append(window(clock.uptime_s)) == expected
            everything(spool)


def test_what_was_not_acked_is_there_after_reopening(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(5)])
        spool.ack([0, 3])
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        assert [event.seq for event in spool.peek(10, ROOM).events] == [1, 2, 4]
        assert spool.status().settled == 2


def test_a_second_agent_is_kept_out(tmp_path, clock, spool):
    with pytest.raises(SpoolBusyError, match="another agent"):
        Spool(tmp_path, SMALL, clock)


def test_episodes_go_before_gaps_and_windows(spool, clock):
    spool.append_all([window(clock.uptime_s), gap(clock.uptime_s), episode(clock.uptime_s)])
    assert [event["kind"] for event in events_of(spool.peek(10, ROOM))] == ["episode", "gap", "window"]


def test_the_live_lane_has_only_the_last_minutes(spool, clock):
    spool.append(window(clock.uptime_s - 400))
    assert spool.peek(10, ROOM, "live") is None
    spool.append(window(clock.uptime_s))
    assert [event.seq for event in spool.peek(10, ROOM, "live").events] == [1]


def test_a_batch_holds_one_boot_and_the_oldest_first(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s - k) for k in (3, 2, 1)])
    first_boot = clock.boot
    clock.reboot()
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append(window(clock.uptime_s))
        old = spool.peek(10, ROOM)
        assert (old.boot_id, old.current, len(old.events)) == (first_boot, False, 3)
        spool.ack([event.seq for event in old.events])
        new = spool.peek(10, ROOM)
        assert (new.boot_id, new.current, len(new.events)) == (clock.boot, True, 1)


def test_a_batch_keeps_within_its_bytes_but_has_at_least_one_event(spool, clock):
    spool.append_all([window(clock.uptime_s) for _ in range(10)])
    assert len(spool.peek(10, 1).events) == 1
    size = len(spool.peek(1, ROOM).events[0].body) + 1
    assert len(spool.peek(10, 3 * size + 5).events) == 3


def test_a_full_spool_gives_up_old_windows_first_and_says_so(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([episode(clock.uptime_s) for _ in range(50)])
        for _ in range(40):
            clock.advance(6000)
            spool.append_all([window(clock.uptime_s - k) for k in reversed(range(100))])
        status = spool.status()
        assert status.size_bytes <= 1 << 20
        waiting = everything(spool)
    kinds = [event["kind"] for event in waiting]
    assert kinds.count("episode") == 50
    (told,) = [event for event in waiting if event["kind"] == "gap"]
    assert told["reason"] == "spool_full"
    assert told["lost"] == status.evicted == 4000 - kinds.count("window")
    assert status.next_seq == len(waiting) + told["lost"]
    newest = [event["seq"] for event in waiting if event["kind"] == "window"]
    assert min(newest) > 50 + told["lost"] - 1


def test_a_gap_that_was_offered_never_changes_again(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(3000)])
        (first,) = [event for event in events_of(spool.peek(5000, ROOM)) if event["kind"] == "gap"]
        spool.append_all([window(clock.uptime_s) for _ in range(100)])
        gaps = [event for event in events_of(spool.peek(5000, ROOM)) if event["kind"] == "gap"]
        assert first in gaps
        assert len(gaps) == 2
        assert sum(event["lost"] for event in gaps) == spool.status().evicted


def test_evicted_gaps_hand_on_what_they_spoke_for(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([gap(clock.uptime_s, reason="paused", lost=2) for _ in range(4000)])
        status = spool.status()
        gaps = everything(spool)
    spoken = sum(event["lost"] for event in gaps if event["reason"] == "spool_full")
    kept = sum(event["reason"] == "paused" for event in gaps)
    assert spoken == status.evicted == 3 * (4000 - kept)


def test_a_short_disk_stops_the_growth_but_lets_live_events_through(tmp_path, clock):
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=1 << 40), clock)) as spool:
        for _ in range(100):
            spool.append_all([window(clock.uptime_s) for _ in range(10)])
        status = spool.status()
        assert status.size_bytes <= 64 << 10
        assert status.events > 50
        waiting = everything(spool)
    assert len(waiting) + sum(event.get("lost", 0) for event in waiting) == status.next_seq


def test_set_aside_and_release(spool, clock):
    spool.append_all([window(clock.uptime_s) for _ in range(3)])
    assert spool.set_aside(1, "422 no")
    assert [event.seq for event in spool.peek(10, ROOM).events] == [0, 2]
    assert (spool.status().events, spool.status().set_aside) == (2, 1)
    assert spool.release() == 1
    assert [event.seq for event in spool.peek(10, ROOM).events] == [0, 1, 2]


def test_too_many_set_aside_are_given_up_and_counted(spool, clock, monkeypatch):
    monkeypatch.setattr("stressvision_agent.spool.SET_ASIDE_KEPT", 20)
    spool.append_all([window(clock.uptime_s) for _ in range(25)])
    for seq in range(25):
        spool.set_aside(seq, "422 no")
    assert spool.status().set_aside == 20
    (told,) = everything(spool)
    assert told["lost"] == 5


def test_status_can_be_read_beside_a_running_agent(tmp_path, spool, clock):
    spool.append(window(clock.uptime_s - 90))
    status = read_status(tmp_path / DATABASE, clock.now())
    assert (status.next_seq, status.events) == (1, 1)
    assert status.oldest_age_s == pytest.approx(90)


def test_room_is_given_back_to_the_disk(tmp_path, clock):
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=0), clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(8_000)])
        everything(spool)
    assert (tmp_path / DATABASE).stat().st_size < 2 << 20
