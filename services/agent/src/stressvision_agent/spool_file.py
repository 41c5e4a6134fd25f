"""The spool's files: the SQLite database, the numbers that outlive it, and the lock that keeps a second agent out."""

import fcntl
import json
import logging
import os
import sqlite3
import zlib
from dataclasses import dataclass
from pathlib import Path

from stressvision_agent.files import sync_folder

log = logging.getLogger(__name__)

SCHEMA = """
CREATE TABLE IF NOT EXISTS boots (
    id INTEGER PRIMARY KEY,
    boot_id TEXT NOT NULL UNIQUE,
    anchor BLOB
);
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY,
    worth INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (id),
    ended_s REAL NOT NULL,
    lost INTEGER NOT NULL DEFAULT 0,
    extendable INTEGER NOT NULL DEFAULT 0,
    body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_worth ON events (worth, boot, ended_s);
CREATE TABLE IF NOT EXISTS set_aside (
    seq INTEGER PRIMARY KEY,
    worth INTEGER NOT NULL,
    boot INTEGER NOT NULL REFERENCES boots (id),
    ended_s REAL NOT NULL,
    lost INTEGER NOT NULL,
    reason TEXT NOT NULL,
    body BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT OR IGNORE INTO numbers VALUES ('next_seq', 0), ('settled', 0), ('evicted', 0), ('founded', 0);
"""

CORRUPT_KEPT = 2
"""Corrupt files kept for a look; older ones go, since the disk must not fill with them."""

_SLOT = 512
"""One disk sector, the most that a power cut writes whole."""

FULL_CODES = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN})
CORRUPT_CODES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class SpoolBusyError(RuntimeError):
    """Another agent has this spool open."""


@dataclass(frozen=True, slots=True)
class Books:
    """What must outlive a lost spool: no `seq` at or above `reserved` was ever used; `settled` are off our hands.

    Settled counts the events that the server answered for, and those that settled gaps have reported lost.
    """

    reserved: int = 0
    settled: int = 0


class BooksFile:
    """Two checksummed slots written in turn and in place: a torn write leaves the other one, and needs no free disk."""

    def __init__(self, path: Path) -> None:
        """Read or make the file at `path`. `books` is None where it had to be made."""
        new = not path.exists()
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if new:
            os.ftruncate(self._descriptor, 2 * _SLOT)
            sync_folder(path.parent)
        found = [slot for i in (0, 1) if (slot := self._slot(i)) is not None]
        self._turn, self.books = max(found, key=lambda slot: slot[0]) if found else (0, None)

    def write(self, books: Books) -> None:
        """Make `books` durable; raise `OSError`."""
        text = json.dumps([self._turn + 1, books.reserved, books.settled]).encode()
        line = b"%08x %s\n" % (zlib.crc32(text), text)
        os.pwrite(self._descriptor, line.ljust(_SLOT, b"\0"), (self._turn + 1) % 2 * _SLOT)
        os.fdatasync(self._descriptor)
        self._turn, self.books = self._turn + 1, books

    def close(self) -> None:
        os.close(self._descriptor)

    def _slot(self, index: int) -> tuple[int, Books | None] | None:
        checksum, _, text = os.pread(self._descriptor, _SLOT, index * _SLOT).rstrip(b"\0").rstrip(b"\n").partition(b" ")
        if not text or checksum != b"%08x" % zlib.crc32(text):
            return None
        turn, reserved, settled = json.loads(text)
        return turn, Books(reserved, settled)


def open_database(path: Path) -> sqlite3.Connection:
    """Open or make the database and check it whole; raise `sqlite3.DatabaseError` when it is corrupt."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
    try:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 256")  # 1 MiB: a short disk must not fill with the log
        connection.execute("PRAGMA journal_size_limit = 1048576")
        _check_whole(connection)
        connection.executescript(SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_whole(connection: sqlite3.Connection) -> None:
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def is_corrupt(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in CORRUPT_CODES


def refuses_writes(error: sqlite3.Error) -> bool:
    """The disk is full, read-only or failing: nothing is wrong with the data, and it may pass."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in FULL_CODES


def move_aside(path: Path, stamp: str) -> Path:
    """Rename the database and what belongs to it to `*.corrupt-<stamp>`; forget all but the newest such files."""
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.replace(target.with_name(target.name + suffix))
    mains = [p for p in path.parent.glob(f"{path.name}.corrupt-*") if not p.name.endswith(("-wal", "-shm"))]
    for old in sorted(mains, key=lambda p: p.stat().st_mtime)[:-CORRUPT_KEPT]:
        for suffix in ("", "-wal", "-shm"):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    sync_folder(path.parent)
    return target


def take_lock(path: Path) -> int:
    """Hold `path` for this process alone until the returned descriptor is closed; raise `SpoolBusyError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SpoolBusyError(f"another agent has {path.parent} open: stop it first") from error
    return descriptor
