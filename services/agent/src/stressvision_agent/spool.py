"""The queue on disk between seeing and sending: what is in it survives power loss, and nothing leaves it uncounted.

produced = settled + waiting + set aside + lost, at every moment; `lost` stands in gap events that travel like others.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, TypeVar

from stressvision_agent import metrics
from stressvision_agent import spool_rows as rows
from stressvision_agent.clock import Clock
from stressvision_agent.drafts import AnyDraft
from stressvision_agent.identifiers import uuid7
from stressvision_agent.settings import SpoolSettings
from stressvision_agent.spool_file import RESERVE, Books, BooksFile, is_corrupt, refuses_writes, take_lock
from stressvision_agent.spool_held import Held
from stressvision_agent.spool_rows import Batch, Ledger
from stressvision_agent.spool_salvage import open_spool
from stressvision_agent.spool_status import SpoolStatus, oldest_age_s, status_of
from stressvision_agent.stamp import event_of
from stressvision_agent.timeline import Anchor

log = logging.getLogger(__name__)
T = TypeVar("T")
Lane = Literal["live", "backlog"]

SET_ASIDE_KEPT = 1_000

LEAST_BYTES = 64 << 10
"""Room the spool may use even when the disk is short: a hundred events, so that live ones still pass."""

VACUUM_PAGES = 256
"""Free pages (4 KiB) above which room is given back to the disk, and how many at a time."""

DATABASE, BOOKS, LOCK = "spool.db", "spool.seq", "spool.lock"


class Spool:
    """Thread-safe. One process at a time may have it open: a second one gets `SpoolBusyError`.

    `appended` is set whenever an event has come in.
    """

    def __init__(self, folder: Path, settings: SpoolSettings, clock: Clock) -> None:
        self._settings, self._clock, self._boot_id = settings, clock, clock.boot_id()
        self.appended = threading.Event()
        self._lock = threading.RLock()
        self._held = Held()
        self._broken = self._refusing = False
        self._on_its_way: frozenset[int] = frozenset()
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / DATABASE
        with ExitStack() as resources:
            resources.callback(os.close, take_lock(folder / LOCK))
            self._books_file = BooksFile(folder / BOOKS)
            resources.callback(self._books_file.close)
            self._db, self._ledger, self._anchor = self._open()
            self._resources = resources.pop_all()

    def append(self, draft: AnyDraft) -> int | None:
        """Give `draft` its identity and make it durable; return its `seq`, None when it waits in memory for `flush`."""
        seqs = self.append_all([draft])
        return seqs[-1] if seqs else None

    def append_all(self, drafts: Iterable[AnyDraft]) -> list[int]:
        """`append` for several drafts in one transaction; return their numbers, none when the disk takes nothing.

        Behind drafts that wait in memory they wait, too, until `flush`: a failing disk is not tried for each of them.
        """
        drafts = list(drafts)
        with self._lock:
            seqs = self._write_all(drafts) if drafts and not len(self._held) else []
            if not seqs:
                for draft in drafts:
                    self._held.add(draft)
            return seqs

    def flush(self) -> list[int]:
        """Try to write what waits in memory; return the numbers given."""
        with self._lock:
            seqs = self._write_all(self._held.all()) if len(self._held) else []
            if seqs:
                self._held.clear()
            return seqs

    def _write_all(self, drafts: list[AnyDraft]) -> list[int]:
        none: list[int] = []
        seqs = self._change(lambda db, ledger: [self._write(db, ledger, draft) for draft in drafts], none)
        for draft, _ in zip(drafts, seqs, strict=False):
            metrics.APPENDED.labels(kind=type(draft).__name__.removesuffix("Draft").lower()).inc()
        if seqs:
            self.appended.set()
        return seqs

    def peek(self, limit: int, max_bytes: int, lane: Lane = "backlog") -> Batch | None:
        """The next events to send, all of one boot; None when there are none. They stay until `ack`.

        `live` looks at the last minutes of this boot alone; `backlog` at the oldest boot. Episodes go first.
        """

        def look(db: sqlite3.Connection, ledger: Ledger) -> Batch | None:
            live = lane == "live"
            boot = ledger.boot if live else rows.oldest_boot(db)
            if boot is None:
                return None
            since_s = self._clock.monotonic() - self._settings.live_s if live else -1.0
            events = rows.pick(db, boot, since_s, limit=limit, max_bytes=max_bytes)
            if not events:
                return None
            rows.close_gaps(db, [event.seq for event in events])
            boot_id, anchor = rows.anchor_of(db, boot)
            return Batch(boot_id, boot == ledger.boot, anchor, events)

        return self._change(look, None)

    @contextmanager
    def offer(self, limit: int, max_bytes: int, lane: Lane = "backlog") -> Iterator[Batch | None]:
        """`peek` at what is sent inside: none of it is given up meanwhile, or it could be stored and lost."""
        with self._lock:
            batch = self.peek(limit, max_bytes, lane)
            self._on_its_way = frozenset(event.seq for event in batch.events) if batch else frozenset()
        try:
            yield batch
        finally:
            self._on_its_way = frozenset()

    def ack(self, seqs: Sequence[int]) -> bool:
        """Forget events that the server has answered for. False when the disk would not take it: they come again."""

        def forget(db: sqlite3.Connection, ledger: Ledger) -> bool:
            rows.remove(db, ledger, seqs)
            return True

        done = self._change(forget, False)
        if done:
            self._give_back_room()
        return done

    def set_aside(self, seq: int, reason: str) -> bool:
        """Keep an event that the server refuses by itself out of the way, until `release`."""
        done = self._change(lambda db, ledger: rows.put_aside(db, ledger, seq, reason, SET_ASIDE_KEPT), False)
        if done:
            metrics.SET_ASIDE.inc()
        return done

    def release(self) -> int:
        """Queue what was set aside once more; return how many events that is."""
        return self._change(rows.release_aside, 0)

    def anchor(self) -> Anchor | None:
        """What was learnt of the running boot's clock."""
        return self._anchor

    def keep_anchor(self, anchor: Anchor) -> None:
        with self._lock:
            self._anchor = anchor
            self._change(lambda db, ledger: rows.keep_anchor(db, ledger.boot, anchor), None)

    def status(self) -> SpoolStatus:
        with self._lock:
            now_s = self._clock.monotonic()
            now = (self._anchor.started_at if self._anchor else self._wall_zero()) + timedelta(seconds=now_s)
            unknown: float | None = None
            age_s = self._change(lambda db, it: oldest_age_s(db, now, boot=it.boot, monotonic_s=now_s), unknown)
            return status_of(self._ledger, held=len(self._held), oldest_age_s=age_s)

    def close(self) -> None:
        with self._lock:
            self.flush()
            self._db.close()
            self._resources.close()

    def _change(self, work: Callable[[sqlite3.Connection, Ledger], T], otherwise: T) -> T:
        """Run `work` in one durable transaction. `otherwise`: the disk refused; it is counted and nothing changed.

        A corrupt database is set aside and `work` runs on a new one.
        """
        with self._lock:
            try:
                return self._transact_on_whole(work)
            except (sqlite3.DatabaseError, OSError) as error:
                if not is_corrupt(error) and not refuses_writes(error):
                    raise
                return self._refused(error, otherwise)

    def _transact_on_whole(self, work: Callable[[sqlite3.Connection, Ledger], T]) -> T:
        """A disk that is full when the database breaks takes no successor yet: each change tries anew to begin one."""
        if not self._broken:
            try:
                return self._transact(work)
            except sqlite3.DatabaseError as error:
                if not is_corrupt(error):
                    raise
                log.exception("spool is corrupt")
                self._broken = True
                self._db.close()
        known = self._anchor
        self._db, self._ledger, self._anchor = self._open(distrust=True)
        self._broken = False
        if known:
            self.keep_anchor(known)
        return self._transact(work)

    def _refused(self, error: Exception, otherwise: T) -> T:
        metrics.WRITE_FAILURES.inc()
        if not self._refusing:
            log.error("disk takes no writes", extra={"error": str(error)})
        self._refusing = True
        return otherwise

    def _transact(self, work: Callable[[sqlite3.Connection, Ledger], T]) -> T:
        db, ledger = self._db, copy(self._ledger)
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db, ledger)
            if ledger != self._ledger:
                rows.save_numbers(db, ledger)
            self._reserve(ledger)
            db.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            raise
        if self._refusing and ledger != self._ledger:
            log.info("disk takes writes again")
            self._refusing = False
        settled_more = ledger.settled != self._ledger.settled
        self._ledger = ledger
        if settled_more:
            self._note_settled()
        return result

    def _reserve(self, ledger: Ledger) -> None:
        """Before a number is used the books must say that it may have been: a lost database cannot repeat it."""
        books = self._books_file.books
        if books is None or ledger.next_seq > books.reserved:
            self._books_file.write(Books(ledger.next_seq + RESERVE, ledger.settled))

    def _note_settled(self) -> None:
        books = self._books_file.books
        assert books is not None
        try:
            self._books_file.write(replace(books, settled=self._ledger.settled))
        except OSError as error:
            self._refused(error, None)

    def _write(self, db: sqlite3.Connection, ledger: Ledger, draft: AnyDraft) -> int:
        if draft is self._held.dropped:
            ledger.next_seq += self._held.dropped.lost  # events that were given up in memory before they had a number
            ledger.evicted += self._held.dropped.lost
        wall_zero = self._wall_zero()
        id_zero = self._anchor.started_at if self._anchor else wall_zero
        event_id = uuid7(id_zero + timedelta(seconds=draft.ended_s))
        event = event_of(draft, event_id=event_id, seq=ledger.take_seq(), wall_zero=wall_zero)
        rows.insert(db, ledger, event, ledger.boot)
        self._make_room(db, ledger, event.seq)
        return event.seq

    def _make_room(self, db: sqlite3.Connection, ledger: Ledger, newest: int) -> None:
        ceiling = self._settings.max_bytes
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize < self._settings.min_free_bytes:
            ceiling = min(ceiling, max(self._ledger.size_bytes, LEAST_BYTES))
        on_its_way = self._on_its_way
        spared = {*on_its_way, newest} if on_its_way else on_its_way
        while ledger.size_bytes > ceiling and rows.evict(db, ledger, spared):
            pass

    def _open(self, *, distrust: bool = False) -> tuple[sqlite3.Connection, Ledger, Anchor | None]:
        db = open_spool(self._path, self._books_file, self._clock, distrust=distrust)
        try:
            ledger = rows.load_ledger(db, self._boot_id)
            return db, ledger, rows.anchor_of(db, ledger.boot)[1]
        except BaseException as error:
            db.close()
            if distrust or not is_corrupt(error):
                raise
            log.exception("spool is corrupt")
            return self._open(distrust=True)

    def _wall_zero(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())

    def _give_back_room(self) -> None:
        with self._lock, suppress(sqlite3.Error):
            (free,) = self._db.execute("PRAGMA freelist_count").fetchone()
            if free > VACUUM_PAGES:
                # `execute` would stop after the first page
                self._db.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")
