"""The spool's SQL: each function runs inside a transaction of the caller and keeps the ledger true to the rows."""

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from stressvision_agent.metrics import EVICTED
from stressvision_agent.spool_file import corrupt
from stressvision_agent.stamp import WORTH, decode, encode, gap_for, lost_with, widened
from stressvision_agent.timeline import Anchor
from stressvision_contracts.events import AnyEvent, Gap

WINDOW, EPISODE, GAP = 0, 1, 2
SENDING_ORDER: Final = (EPISODE, GAP, WINDOW)
KINDS: Final = {WINDOW: "window", EPISODE: "episode", GAP: "gap"}

ROW_BYTES = 80
"""What SQLite adds to an event: row header and index entry."""


@dataclass(slots=True)
class Ledger:
    """The running numbers of the spool. A copy is changed in each transaction and kept when that has committed.

    `settled` counts what is off our hands: events the server answered for, and those that settled gaps report lost.
    """

    boot: int
    next_seq: int
    settled: int
    evicted: int
    events: int
    size_bytes: int
    set_aside: int

    def take_seq(self) -> int:
        self.next_seq += 1
        return self.next_seq - 1


@dataclass(frozen=True, slots=True)
class Spooled:
    """One waiting event: `body` is its JSON as it will travel."""

    seq: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """Waiting events of one boot; `anchor` is what was learnt of its clock, `current` whether it is this boot."""

    boot_id: str
    current: bool
    anchor: Anchor | None
    events: list[Spooled]


def load_ledger(db: sqlite3.Connection, boot_id: str) -> Ledger:
    """Count what is there, note the boot, and forget boots of which nothing waits any more."""
    db.execute("INSERT OR IGNORE INTO boots (boot_id) VALUES (?)", (boot_id,))
    (boot,) = db.execute("SELECT id FROM boots WHERE boot_id = ?", (boot_id,)).fetchone()
    db.execute(
        "DELETE FROM boots WHERE id <> ? AND id NOT IN (SELECT boot FROM events UNION SELECT boot FROM set_aside)",
        (boot,),
    )
    return count_ledger(db, boot)


def is_founded(db: sqlite3.Connection) -> bool:
    """Whether this database has taken over from whatever was before it."""
    return bool(db.execute("SELECT value FROM numbers WHERE name = 'founded'").fetchone()[0])


def found(db: sqlite3.Connection) -> None:
    db.execute("UPDATE numbers SET value = 1 WHERE name = 'founded'")


def count_ledger(db: sqlite3.Connection, boot: int) -> Ledger:
    numbers = dict(db.execute("SELECT name, value FROM numbers"))
    events, size = db.execute("SELECT count(*), coalesce(sum(length(body)), 0) FROM events").fetchone()
    (aside,) = db.execute("SELECT count(*) FROM set_aside").fetchone()
    return Ledger(
        boot=boot,
        next_seq=numbers["next_seq"],
        settled=numbers["settled"],
        evicted=numbers["evicted"],
        events=events,
        size_bytes=size + events * ROW_BYTES,
        set_aside=aside,
    )


def save_numbers(db: sqlite3.Connection, ledger: Ledger) -> None:
    numbers = (("next_seq", ledger.next_seq), ("settled", ledger.settled), ("evicted", ledger.evicted))
    db.executemany("UPDATE numbers SET value = ?2 WHERE name = ?1", numbers)


_INTO_EVENTS: Final = "INTO events (seq, worth, boot, ended_s, lost, extendable, body) VALUES (?, ?, ?, ?, ?, ?, ?)"


def insert(db: sqlite3.Connection, ledger: Ledger, event: AnyEvent, boot: int, *, extendable: bool = False) -> None:
    body = encode(event)
    db.execute(f"INSERT {_INTO_EVENTS}", _row(event, body, boot, extendable=extendable))
    ledger.events += 1
    ledger.size_bytes += len(body) + ROW_BYTES


def take_over(db: sqlite3.Connection, ledger: Ledger, event: AnyEvent, body: bytes, boot: int) -> bool:
    """`insert` with the body that it has elsewhere; False when its number is taken."""
    taken = db.execute(f"INSERT OR IGNORE {_INTO_EVENTS}", _row(event, body, boot)).rowcount == 1
    ledger.events += taken
    ledger.size_bytes += taken * (len(body) + ROW_BYTES)
    return taken


def _row(event: AnyEvent, body: bytes, boot: int, *, extendable: bool = False) -> tuple[object, ...]:
    lost = event.lost if isinstance(event, Gap) else 0
    return event.seq, WORTH[type(event)], boot, event.monotonic_s or 0.0, lost, extendable, body


def evict(db: sqlite3.Connection, ledger: Ledger, spared: Collection[int] = ()) -> bool:
    """Give up the oldest event of the lowest worth, none of the `spared`, and say so in a gap; False: there is none."""
    row = db.execute(
        "SELECT seq, worth, boot, body FROM events "  # noqa: S608
        f"WHERE NOT extendable AND seq NOT IN ({_marks(spared)}) ORDER BY worth, boot, ended_s LIMIT 1",
        tuple(spared),
    ).fetchone()
    if row is None:
        return False
    seq, worth, boot, body = row
    db.execute("DELETE FROM events WHERE seq = ?", (seq,))
    ledger.events -= 1
    ledger.size_bytes -= len(body) + ROW_BYTES
    mourn(db, ledger, body, boot)
    EVICTED.labels(kind=KINDS[worth]).inc()
    return True


def mourn(db: sqlite3.Connection, ledger: Ledger, body: bytes, boot: int) -> None:
    """Enter an event that is given up into the open gap of its boot, or open one."""
    event = read_event(body)
    ledger.evicted += lost_with(event)
    held = db.execute(
        "SELECT seq, body FROM events WHERE worth = ? AND boot = ? AND extendable", (GAP, boot)
    ).fetchone()
    if held is None:
        insert(db, ledger, gap_for(event, seq=ledger.take_seq()), boot, extendable=True)
        return
    gap = read_event(held[1])
    assert isinstance(gap, Gap)
    wider = widened(gap, event)
    fresh = encode(wider)
    db.execute(
        "UPDATE events SET body = ?, lost = ?, ended_s = ? WHERE seq = ?",
        (fresh, wider.lost, wider.monotonic_s or 0.0, held[0]),
    )
    ledger.size_bytes += len(fresh) - len(held[1])


def oldest_boot(db: sqlite3.Connection) -> int | None:
    """The boot whose events are due next: the oldest with an episode, else the oldest of all."""
    oldest: list[int] = []
    for worth in SENDING_ORDER:
        (boot,) = db.execute("SELECT min(boot) FROM events WHERE worth = ?", (worth,)).fetchone()
        if boot is not None and worth == EPISODE:
            return int(boot)
        if boot is not None:
            oldest.append(boot)
    return min(oldest, default=None)


def pick(db: sqlite3.Connection, boot: int, since_s: float, *, limit: int, max_bytes: int) -> list[Spooled]:
    """Waiting events of `boot` that ended after `since_s`, episodes first, as many as fit, at least one.

    A gap that is picked is closed for good: what has been sent once must never change under the same id.
    """
    picked: list[Spooled] = []
    size = 0
    for worth in SENDING_ORDER:
        rows = db.execute(
            "SELECT seq, body FROM events WHERE worth = ? AND boot = ? AND ended_s >= ? ORDER BY ended_s LIMIT ?",
            (worth, boot, since_s, limit - len(picked)),
        )
        for seq, body in rows:
            size += len(body) + 1
            if picked and size > max_bytes:
                return picked
            picked.append(Spooled(seq, body))
        if len(picked) >= limit:
            break
    return picked


def close_gaps(db: sqlite3.Connection, seqs: Sequence[int]) -> None:
    db.execute(f"UPDATE events SET extendable = 0 WHERE extendable AND seq IN ({_marks(seqs)})", seqs)  # noqa: S608


def remove(db: sqlite3.Connection, ledger: Ledger, seqs: Sequence[int]) -> int:
    """Forget events that are settled; return how many were there."""
    rows = db.execute(f"DELETE FROM events WHERE seq IN ({_marks(seqs)}) RETURNING lost, length(body)", seqs).fetchall()  # noqa: S608
    ledger.events -= len(rows)
    ledger.size_bytes -= sum(size for _, size in rows) + len(rows) * ROW_BYTES
    ledger.settled += len(rows) + sum(lost for lost, _ in rows)
    return len(rows)


def put_aside(db: sqlite3.Connection, ledger: Ledger, seq: int, reason: str, keep: int) -> bool:
    """Move one event out of the way; beyond `keep` of them the oldest is given up. False when it is not there."""
    row = db.execute("DELETE FROM events WHERE seq = ? RETURNING worth, boot, ended_s, lost, body", (seq,)).fetchone()
    if row is None:
        return False
    worth, boot, ended_s, lost, body = row
    ledger.events -= 1
    ledger.size_bytes -= len(body) + ROW_BYTES
    ledger.set_aside += 1
    db.execute("INSERT INTO set_aside VALUES (?, ?, ?, ?, ?, ?, ?)", (seq, worth, boot, ended_s, lost, reason, body))
    if ledger.set_aside > keep:
        oldest = "DELETE FROM set_aside WHERE seq = (SELECT min(seq) FROM set_aside) RETURNING worth, boot, body"
        worth, boot, body = db.execute(oldest).fetchone()
        ledger.set_aside -= 1
        mourn(db, ledger, body, boot)
        EVICTED.labels(kind=KINDS[worth]).inc()
    return True


def release_aside(db: sqlite3.Connection, ledger: Ledger) -> int:
    """Queue everything that was set aside once more; return how many events that is."""
    rows = db.execute("DELETE FROM set_aside RETURNING seq, worth, boot, ended_s, lost, body").fetchall()
    db.executemany("INSERT INTO events (seq, worth, boot, ended_s, lost, body) VALUES (?, ?, ?, ?, ?, ?)", rows)
    ledger.events += len(rows)
    ledger.size_bytes += sum(len(row[-1]) + ROW_BYTES for row in rows)
    ledger.set_aside = 0
    return len(rows)


def read_event(body: bytes) -> AnyEvent:
    """Raise `sqlite3.DatabaseError`, as of a corrupt file, for what never was an event."""
    try:
        return decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise corrupt(f"an event cannot be read: {error}") from error


def read_anchor(data: bytes | None) -> Anchor | None:
    """Raise `sqlite3.DatabaseError`, as of a corrupt file, for what never was an anchor."""
    try:
        return msgspec.json.decode(data, type=Anchor) if data else None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise corrupt(f"what was learnt of a clock cannot be read: {error}") from error


def anchor_of(db: sqlite3.Connection, boot: int) -> tuple[str, Anchor | None]:
    """A boot's id and what was learnt of its clock."""
    row = db.execute("SELECT boot_id, anchor FROM boots WHERE id = ?", (boot,)).fetchone()
    if row is None:
        raise corrupt(f"there are events of boot {boot}, but no such boot")
    return row[0], read_anchor(row[1])


def keep_anchor(db: sqlite3.Connection, boot: int, anchor: Anchor) -> None:
    db.execute("UPDATE boots SET anchor = ? WHERE id = ?", (msgspec.json.encode(anchor), boot))


def oldest_waiting(db: sqlite3.Connection) -> tuple[int, float, bytes] | None:
    """Boot, monotonic end and body of the event that waits longest."""
    query = "SELECT boot, ended_s, body FROM events WHERE worth = ? ORDER BY boot, ended_s LIMIT 1"
    found = [row for worth in SENDING_ORDER if (row := db.execute(query, (worth,)).fetchone())]
    return min(found, default=None)


def _marks(values: Collection[int]) -> str:
    return ",".join("?" * len(values))
