"""A corrupt spool gets a successor: what can still be read of it goes there, the rest is counted as lost."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from stressvision_agent import spool_rows as rows
from stressvision_agent.clock import Clock
from stressvision_agent.drafts import GapDraft
from stressvision_agent.identifiers import uuid7
from stressvision_agent.metrics import CORRUPT
from stressvision_agent.spool_file import (
    RESERVE,
    Books,
    BooksFile,
    is_corrupt,
    keep_wreck,
    open_database,
    set_apart,
    wreck_of,
)
from stressvision_agent.stamp import NO_MODEL, event_of, lost_with
from stressvision_contracts.events import AnyEvent

log = logging.getLogger(__name__)

Boot = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Wreck:
    """Whole events found in a corrupt database, each with the number of its boot there."""

    boots: dict[int, Boot]
    events: dict[int, tuple[int, AnyEvent]]

    @property
    def accounted(self) -> int:
        """How many of the events ever produced these are, or speak for."""
        return sum(lost_with(event) for _, event in self.events.values())


def open_spool(path: Path, books_file: BooksFile, clock: Clock, *, distrust: bool = False) -> sqlite3.Connection:
    """Open the database, or begin a new one where the old is corrupt or gone, above every number ever used.

    With `distrust` the one there is known to be corrupt. Raise `sqlite3.DatabaseError`, `OSError`: the next try goes
    on where this one broke off.
    """
    if distrust:
        set_apart(path)
    try:
        db = open_database(path)
    except sqlite3.DatabaseError as error:
        if distrust or not is_corrupt(error):
            raise
        log.exception("spool is corrupt")
        return open_spool(path, books_file, clock, distrust=True)
    try:
        if not rows.is_founded(db):
            _found(db, wreck_of(path), books_file, clock)
        if wreck_of(path).exists():
            keep_wreck(path, f"{clock.now():%Y%m%dT%H%M%S%f}")
    except BaseException:
        db.close()
        raise
    return db


def _found(db: sqlite3.Connection, wreck: Path, books_file: BooksFile, clock: Clock) -> None:
    """In one transaction with what is saved: a crash in between must not leave a database that counts from 0."""
    books = books_file.books
    db.execute("BEGIN IMMEDIATE")
    if books is not None and books.reserved:
        CORRUPT.inc()
        began = begin_again(db, books, read_wreck(wreck, books.reserved), clock)
        books_file.write(replace(began, reserved=began.reserved + RESERVE))
    rows.found(db)
    db.execute("COMMIT")


def read_wreck(path: Path, below_seq: int) -> Wreck:
    """Read what can be read of the database at `path`, of events numbered below `below_seq`. Never raises."""
    boots: dict[int, Boot] = {}
    events: dict[int, tuple[int, AnyEvent]] = {}
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        for table in ("events", "set_aside"):
            # from both ends, since reading stops at the first broken page
            for order in ("ASC", "DESC"):
                for seq, boot, body in _until_broken(db, f"SELECT seq, boot, body FROM {table} ORDER BY seq {order}"):  # noqa: S608
                    event = _whole(body)
                    if event is not None and event.seq == seq < below_seq:
                        events[event.seq] = boot, event
        for boot, boot_id, anchor in _until_broken(db, "SELECT id, boot_id, anchor FROM boots"):
            boots[boot] = boot_id, _whole_anchor(anchor)
    known = {seq: found for seq, found in events.items() if found[0] in boots}
    return Wreck(boots, known)


def begin_again(db: sqlite3.Connection, books: Books, wreck: Wreck, clock: Clock) -> Books:
    """Fill a new database, inside the caller's transaction: what was saved, and a gap for what was not.

    Lost is at most everything that was ever given a number and is neither settled nor saved. Return the new books.
    """
    saved = rows.count_ledger(db, boot=0)
    saved.next_seq, saved.settled = books.reserved, books.settled
    numbers = {old: _boot_number(db, *wreck.boots[old]) for old in sorted({boot for boot, _ in wreck.events.values()})}
    for boot, event in sorted(wreck.events.values(), key=lambda found: found[1].seq):
        rows.insert(db, saved, event, numbers[boot])
    lost = books.reserved - books.settled - wreck.accounted
    log.error("spool begun again", extra={"saved": len(wreck.events), "lost": max(lost, 0)})
    if lost > 0:
        now_s = clock.monotonic()
        gap = GapDraft(started_s=now_s, ended_s=now_s, model_version=NO_MODEL, reason="spool_full", lost=lost)
        wall_zero = clock.now() - timedelta(seconds=now_s)
        event_id = uuid7(clock.now())
        told = event_of(gap, event_id=event_id, seq=saved.take_seq(), wall_zero=wall_zero)
        rows.insert(db, saved, told, _boot_number(db, clock.boot_id(), None))
        saved.evicted += lost
    rows.save_numbers(db, saved)
    return Books(saved.next_seq, saved.settled)


def _boot_number(db: sqlite3.Connection, boot_id: str, anchor: bytes | None) -> int:
    db.execute("INSERT OR IGNORE INTO boots (boot_id, anchor) VALUES (?, ?)", (boot_id, anchor))
    (number,) = db.execute("SELECT id FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return int(number)


def _until_broken(db: sqlite3.Connection, query: str) -> Iterator[tuple[Any, Any, Any]]:
    with suppress(sqlite3.Error):
        yield from db.execute(query)


def _whole(body: object) -> AnyEvent | None:
    with suppress(sqlite3.DatabaseError):
        return rows.read_event(body) if isinstance(body, bytes) else None
    return None


def _whole_anchor(data: object) -> bytes | None:
    with suppress(sqlite3.DatabaseError):
        return data if isinstance(data, bytes) and rows.read_anchor(data) else None
    return None
