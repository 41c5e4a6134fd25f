"""How the spool is, for the heartbeat, and for a look from outside while an agent runs."""

import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from msgspec import Struct

from stressvision_agent import spool_rows as rows


class SpoolStatus(Struct, frozen=True, kw_only=True):
    """`next_seq` events were ever produced; `held` wait in memory because the disk takes none."""

    next_seq: int
    settled: int
    evicted: int
    events: int
    size_bytes: int
    set_aside: int
    held: int = 0
    oldest_age_s: float | None = None


def status_of(ledger: rows.Ledger, *, held: int = 0, oldest_age_s: float | None = None) -> SpoolStatus:
    return SpoolStatus(
        next_seq=ledger.next_seq,
        settled=ledger.settled,
        evicted=ledger.evicted,
        events=ledger.events,
        size_bytes=ledger.size_bytes,
        set_aside=ledger.set_aside,
        held=held,
        oldest_age_s=oldest_age_s,
    )


def oldest_age_s(db: sqlite3.Connection, now: datetime, *, boot: int = -1, monotonic_s: float = 0.0) -> float | None:
    """Age of the event that waits longest; exact in the running `boot`, else as good as what is known of its clock."""
    oldest = rows.oldest_waiting(db)
    if oldest is None:
        return None
    its_boot, ended_s, body = oldest
    if its_boot == boot:
        return max(monotonic_s - ended_s, 0.0)
    anchor = rows.anchor_of(db, its_boot)[1]
    ended_at = anchor.started_at + timedelta(seconds=ended_s) if anchor else rows.read_event(body).ended_at
    return max((now - ended_at).total_seconds(), 0.0)


def read_status(path: Path, now: datetime) -> SpoolStatus:
    """Look at a spool that another process may have open; raise `sqlite3.Error` when there is none to read."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        return status_of(rows.count_ledger(db, boot=-1), oldest_age_s=oldest_age_s(db, now))
