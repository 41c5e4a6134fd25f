"""The spool's files: the SQLite database, the numbers that outlive it, and the lock that keeps a second agent out."""

import errno
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

RESERVE = 256
"""Numbers set apart at a time in the books: one write of the second file in so many events."""

CORRUPT_KEPT = 2
"""Corrupt files kept for a look; older ones go, since the disk must not fill with them."""

_BESIDE = ("-wal", "-shm")

_SLOT = 512
"""One disk sector, the most that a power cut writes whole."""

REFUSING_CODES = frozenset(
    {
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
    }
)  # fmt: skip
DISK_TROUBLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
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
        raise corrupt(verdict)


def corrupt(what: str) -> sqlite3.DatabaseError:
    """The error for what SQLite itself cannot see: a page may be whole and its content rubbish."""
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def is_corrupt(error: BaseException) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in CORRUPT_CODES


def refuses_writes(error: BaseException) -> bool:
    """The disk is full, read-only or failing, or another program holds it up: the data are whole, and it may pass."""
    return isinstance(error, OSError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in REFUSING_CODES


def may_pass(error: BaseException) -> bool:
    """Whether what kept the spool from being opened may end by itself; rights that are missing will not."""
    if isinstance(error, OSError):
        return error.errno in DISK_TROUBLE
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}


def wreck_of(path: Path) -> Path:
    """Where the corrupt database lies from which the one at `path` is to be filled."""
    return path.with_name(f"{path.name}.wreck")


def set_apart(path: Path) -> None:
    """Make a wreck of a corrupt database. Where one waits already, `path` was never filled from it, and goes."""
    wreck = wreck_of(path)
    waits = wreck.exists()
    for part, target in zip(_parts(path), _parts(wreck), strict=True):
        if waits:
            part.unlink(missing_ok=True)
        elif part.exists():
            part.replace(target)
    sync_folder(path.parent)


def keep_wreck(path: Path, stamp: str) -> None:
    """Rename the wreck, which is done with, to `*.corrupt-<stamp>`; forget all but the newest such files."""
    target = path.with_name(f"{path.name}.corrupt-{stamp}")
    for part, kept in zip(_parts(wreck_of(path)), _parts(target), strict=True):
        if part.exists():
            part.replace(kept)
    mains = [p for p in path.parent.glob(f"{path.name}.corrupt-*") if not p.name.endswith(_BESIDE)]
    for old in sorted(mains, key=lambda p: p.stat().st_mtime)[:-CORRUPT_KEPT]:
        for part in _parts(old):
            part.unlink(missing_ok=True)
    sync_folder(path.parent)


def _parts(path: Path) -> list[Path]:
    """A database and the files that SQLite keeps beside it; those alone are nothing."""
    return [path.with_name(path.name + suffix) for suffix in ("", *_BESIDE)]


def take_lock(path: Path) -> int:
    """Hold `path` for this process alone until the returned descriptor is closed; raise `SpoolBusyError`."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise SpoolBusyError(f"another agent has {path.parent} open: stop it first") from error
    return descriptor
