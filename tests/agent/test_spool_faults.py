"""The spool on a disk that breaks, fills up or loses its power: capture goes on and every event is accounted for."""

import sqlite3
import tracemalloc
from contextlib import closing

import pytest

from stressvision_agent import spool_file, spool_rows
from stressvision_agent.settings import SpoolSettings
from stressvision_agent.spool import BOOKS, DATABASE, Spool
from stressvision_agent.spool_file import RESERVE, BooksFile
from stressvision_agent.spool_held import HELD
from stressvision_agent.timeline import Timeline
from support.device import TurnedClock, window
from support.disks import no_writes
from support.spools import ROOM, SMALL, everything


@pytest.fixture
def clock():
    return TurnedClock()


@pytest.mark.parametrize("damage", ["head", "middle", "tail", "all", "gone"])
def test_a_corrupt_file_is_set_aside_and_capture_goes_on(tmp_path, clock, damage):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(300)])
        spool.ack(range(100))
    break_file(tmp_path / DATABASE, damage)
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        fresh = spool.append(window(clock.uptime_s))
        assert fresh >= 300
        waiting = everything(spool)
        (told,) = [event for event in waiting if event["kind"] == "gap"]
        assert 100 + len(waiting) + told["lost"] == spool.status().next_seq
        saved = {event["seq"] for event in waiting if event["kind"] == "window"} - {fresh}
        assert saved <= set(range(100, 300))
        assert bool(saved) == (damage in {"middle", "tail"}), "what can be read is not given up"
    assert bool(list(tmp_path.glob(f"{DATABASE}.corrupt-*"))) == (damage != "gone")


def test_what_is_saved_keeps_its_boot_and_its_anchor(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(300)])
        Timeline(clock, spool, lambda: False).observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    first, booted_at = clock.boot, clock.booted_at
    clock.reboot()
    break_file(tmp_path / DATABASE, "tail")
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        batch = spool.peek(10, ROOM)
        assert (batch.boot_id, batch.current) == (first, False)
        assert batch.anchor.started_at == booted_at


def test_a_crash_while_beginning_again_does_not_count_from_zero(tmp_path, clock, monkeypatch):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(10)])
    break_file(tmp_path / DATABASE, "all")
    with monkeypatch.context() as patched:
        patched.setattr(BooksFile, "write", power_cut)
        with pytest.raises(PowerCut):
            Spool(tmp_path, SMALL, clock)
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        assert spool.append(window(clock.uptime_s)) >= 10


class PowerCut(BaseException):
    pass


def power_cut(*_):
    raise PowerCut


def test_a_crash_before_the_first_event_loses_nothing(tmp_path, clock, monkeypatch):
    spool = Spool(tmp_path, SMALL, clock)
    with monkeypatch.context() as patched:
        patched.setattr(spool_rows, "save_numbers", power_cut)
        with pytest.raises(PowerCut):
            spool.append(window(clock.uptime_s))
    spool.close()
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        assert everything(spool) == []


def break_file(path, damage):
    if damage == "gone":
        path.unlink()
        return
    data = bytearray(path.read_bytes())
    third = len(data) // 3 // 4096 * 4096
    page = (third, third + 4096)
    spans = {
        "page": page,
        "head": (0, 100),
        "middle": (third, 2 * third),
        "tail": (2 * third, len(data)),
        "all": (0, len(data)),
    }
    begin, end = spans[damage]
    data[begin:end] = b"\xa5" * (end - begin)
    path.write_bytes(data)


def test_corruption_while_running_is_survived(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(500)])
        with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        break_file(tmp_path / DATABASE, "all")
        assert spool.append(window(clock.uptime_s)) >= 500
        assert spool.status().events == 2


def test_corruption_that_only_a_look_finds_is_survived_too(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(500)])
        with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        spool._db.close()
        break_file(tmp_path / DATABASE, "head")
        spool._db = sqlite3.connect(tmp_path / DATABASE, isolation_level=None, check_same_thread=False)
        assert spool.status().next_seq >= 500
        assert spool.append(window(clock.uptime_s)) >= 500


def test_only_the_newest_corrupt_files_are_kept(tmp_path, clock):
    for _ in range(5):
        with closing(Spool(tmp_path, SMALL, clock)) as spool:
            spool.append(window(clock.uptime_s))
        break_file(tmp_path / DATABASE, "all")
        clock.advance(1)
    Spool(tmp_path, SMALL, clock).close()
    assert len([p for p in tmp_path.glob("*.corrupt-*") if p.suffix != "-wal"]) == spool_file.CORRUPT_KEPT


def test_a_torn_write_of_the_books_leaves_the_older_slot(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(RESERVE + 10)])
    data = bytearray((tmp_path / BOOKS).read_bytes())
    for slot in (0, 512):
        torn = bytearray(data)
        torn[slot : slot + 100] = b"\0" * 100
        (tmp_path / BOOKS).write_bytes(torn)
        with closing(Spool(tmp_path, SMALL, clock)) as spool:
            assert spool.append(window(clock.uptime_s)) >= RESERVE + 10


def full_disk(spool):
    """The real answer of SQLite when no page can be had: its own limit on the file."""
    (pages,) = spool._db.execute("PRAGMA page_count").fetchone()
    spool._db.execute(f"PRAGMA max_page_count = {pages}")


def test_a_full_disk_keeps_drafts_in_memory_and_writes_them_later(tmp_path, clock):
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=0), clock)) as spool:
        full_disk(spool)
        given = [spool.append(window(clock.uptime_s)) for _ in range(HELD + 500)]
        held = given.count(None)
        assert held > HELD
        assert spool.status().held == HELD
        spool._db.execute("PRAGMA max_page_count = 100000")
        spool.flush()
        status = spool.status()
        waiting = everything(spool)
    lost = sum(event.get("lost", 0) for event in waiting)
    assert lost == held - HELD
    assert len(waiting) + lost == status.next_seq
    assert len({event["seq"] for event in waiting}) == len(waiting)


def test_a_spool_that_breaks_on_a_full_disk_is_begun_again_when_there_is_room(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(300)])
        with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        break_file(tmp_path / DATABASE, "tail")
        spool._db.execute("PRAGMA cache_size = 1")
        with no_writes():
            spool.peek(500, ROOM)
            held = [spool.append(window(clock.uptime_s)) for _ in range(3)]
            assert (held, spool.status().held) == ([None] * 3, 3)
        assert len(spool.flush()) == 3
        waiting = everything(spool)
        lost = sum(event.get("lost", 0) for event in waiting)
        assert spool.status().next_seq == len(waiting) + lost
        saved = {event["seq"] for event in waiting if event["kind"] == "window"} & set(range(300))
        assert saved, "the wreck is still read when there is room to keep what it holds"


def test_a_disk_with_room_for_a_new_spool_but_not_for_the_old_one_goes_on_with_a_new_one(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(1_200)])
    break_file(tmp_path / DATABASE, "tail")
    with no_writes(beyond=200 << 10), closing(Spool(tmp_path, SMALL, clock)) as spool:
        assert spool.append(window(clock.uptime_s)) >= 1_200
        told, seen = sorted(everything(spool), key=lambda event: event["kind"])
        assert 1 + told["lost"] + 1 == spool.status().next_seq
        assert seen["kind"] == "window"
        assert told["lost"] <= 1_200 + RESERVE, "tries that failed are not counted as lost"


def test_a_full_spool_is_salvaged_in_little_memory(tmp_path, clock):
    """Decoded all at once, the 256 MiB of a full spool would take more than the unit lets the agent have."""
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=0), clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(8_000)])
    break_file(tmp_path / DATABASE, "page")
    tracemalloc.start()
    with closing(Spool(tmp_path, SpoolSettings(min_free_bytes=0), clock)) as spool:
        assert spool.status().events > 7_900
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20


def test_a_wreck_is_salvaged_after_a_crash_before_its_successor_was_filled(tmp_path, clock, monkeypatch):
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(300)])
    break_file(tmp_path / DATABASE, "tail")
    with monkeypatch.context() as patched:
        patched.setattr(spool_rows, "found", power_cut)
        with pytest.raises(PowerCut):
            Spool(tmp_path, SMALL, clock)
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        assert [event for event in everything(spool) if event["kind"] == "window"]
    assert [path.name for path in tmp_path.glob("*.wreck*")] == []


@pytest.mark.parametrize("table", ["events", "boots"])
def test_rubbish_in_a_whole_page_is_taken_for_a_corrupt_file(tmp_path, clock, table):
    """A flipped bit on the card that SQLite, which keeps no checksums, cannot see."""
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        spool.append_all([window(clock.uptime_s) for _ in range(10)])
        Timeline(clock, spool, lambda: False).observe_server(clock.true_now(), clock.uptime_s, clock.uptime_s)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as other:
        if table == "events":
            other.execute("UPDATE events SET body = X'7B22FF' WHERE seq = 0")
            other.execute("UPDATE boots SET anchor = NULL")
        else:
            other.execute("UPDATE boots SET anchor = X'7B22FF'")
        other.commit()
    clock.reboot()
    with closing(Spool(tmp_path, SMALL, clock)) as spool:
        assert spool.status().oldest_age_s > 0
        waiting = everything(spool)
        lost = sum(event.get("lost", 0) for event in waiting)
        assert sum(event["kind"] == "window" for event in waiting) == (9 if table == "events" else 10)
        assert spool.status().next_seq == len(waiting) + lost


def test_a_database_that_another_program_holds_up_costs_no_event(tmp_path, clock):
    with closing(Spool(tmp_path, SMALL, clock)) as spool, closing(sqlite3.connect(tmp_path / DATABASE)) as other:
        spool._db.execute("PRAGMA busy_timeout = 0")
        other.execute("BEGIN IMMEDIATE")
        assert spool.append(window(clock.uptime_s)) is None
        other.execute("ROLLBACK")
        assert spool.flush() == [0]
