"""A corrupt spool gets a successor: what can still be read of it goes there, the rest is counted as lost."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
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
    refuses_writes,
    set_apart,
    wreck_of,
)
from stressvision_agent.stamp import NO_MODEL, event_of, lost_with
from stressvision_contracts.events import AnyEvent

log = logging.getLogger(__name__)


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
    books = books_file.books
    if books is None or not books.reserved:
        rows.found(db)
        return
    CORRUPT.inc()
    try:
        _fill(db, books_file, books, wreck, clock)
    except sqlite3.DatabaseError as error:
        if not refuses_writes(error) or not wreck.exists():
            raise
        log.exception("there is no room for what could be saved of the spool")
        _fill(db, books_file, books, None, clock)


def _fill(db: sqlite3.Connection, books_file: BooksFile, books: Books, wreck: Path | None, clock: Clock) -> None:
    """In one transaction with what is saved: a crash in between must not leave a database that counts from 0."""
    db.execute("BEGIN IMMEDIATE")
    try:
        began = _begin_again(db, books, wreck, clock)
        books_file.write(replace(began, reserved=began.reserved + RESERVE))
        rows.found(db)
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        with suppress(OSError):  # no number was used yet: a try that fails must not count as lost what never was
            books_file.write(books)
        raise


def _begin_again(db: sqlite3.Connection, books: Books, wreck: Path | None, clock: Clock) -> Books:
    """Fill a new database with what can be saved, and a gap for what cannot. Return the new books.

    Lost is at most everything that was ever given a number and is neither settled nor saved.
    """
    saved = rows.count_ledger(db, boot=0)
    saved.next_seq, saved.settled = books.reserved, books.settled
    lost = books.reserved - books.settled
    if wreck is not None and wreck.exists():
        lost -= _save(db, saved, wreck, books.reserved)
    log.error("spool begun again", extra={"saved": saved.events, "lost": max(lost, 0)})
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


def _save(db: sqlite3.Connection, ledger: rows.Ledger, wreck: Path, below_seq: int) -> int:
    """Take over the whole events of a corrupt database; return how many they are, or speak for.

    One by one: a full spool is larger than the memory that the agent may have.
    """
    spoken_for = 0
    with closing(sqlite3.connect(f"file:{wreck}?mode=ro", uri=True)) as old:
        # the oldest boot keeps the lowest number, whichever end is read first
        boots = {
            number: _boot_number(db, boot_id, _whole_anchor(anchor))
            for number, boot_id, anchor in _until_broken(old, "SELECT id, boot_id, anchor FROM boots ORDER BY id")
            if isinstance(boot_id, str)
        }
        for seq, boot, body in _read_from_both_ends(old):
            event = _whole(body)
            if event is None or event.seq != seq or seq >= below_seq or boot not in boots:
                continue
            if rows.take_over(db, ledger, event, body, boots[boot]):
                spoken_for += lost_with(event)
    return spoken_for


def _read_from_both_ends(old: sqlite3.Connection) -> Iterator[tuple[Any, Any, Any]]:
    """Reading stops at the first broken page; what lies beyond the last is read from the other end."""
    for table in ("events", "set_aside"):
        reached = -1
        for order in ("ASC", "DESC"):
            query = f"SELECT seq, boot, body FROM {table} WHERE seq > {reached} ORDER BY seq {order}"  # noqa: S608
            for row in _until_broken(old, query):
                reached = max(reached, row[0]) if order == "ASC" else reached
                yield row


def _boot_number(db: sqlite3.Connection, boot_id: str, anchor: bytes | None) -> int:
    db.execute("INSERT OR IGNORE INTO boots (boot_id, anchor) VALUES (?, ?)", (boot_id, anchor))
    (number,) = db.execute("SELECT id FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    return int(number)


def _until_broken(db: sqlite3.Connection, query: str) -> Iterator[tuple[Any, Any, Any]]:
    cursor = db.cursor()
    with suppress(sqlite3.Error):
        cursor.execute(query)
    while (row := _next(cursor)) is not None:
        yield row


def _next(cursor: sqlite3.Cursor) -> tuple[Any, Any, Any] | None:
    # not around the whole loop: what goes wrong where the row is used must not be taken for its end
    row: tuple[Any, Any, Any] | None = None
    with suppress(sqlite3.Error):
        row = cursor.fetchone()
    return row


def _whole(body: object) -> AnyEvent | None:
    with suppress(sqlite3.DatabaseError):
        return rows.read_event(body) if isinstance(body, bytes) else None
    return None


def _whole_anchor(data: object) -> bytes | None:
    with suppress(sqlite3.DatabaseError):
        return data if isinstance(data, bytes) and rows.read_anchor(data) else None
    return None
