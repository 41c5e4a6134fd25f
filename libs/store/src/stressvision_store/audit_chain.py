"""The audit as a chain of SHA-256: what was edited, taken out, put in or moved afterwards does not fit any more.

Postgres makes the links (`migrations/versions/0007_audit.sql`); here they are made again from the entries alone.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlmodel import Session

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZERO = bytes(32)
"""What the first entry has for a predecessor."""

_LINKS = """
SELECT l.place, l.entry_id, l.hash, a.at, a.actor, a.action, a.subject, a.detail::text AS detail
FROM audit_links l LEFT JOIN audit a ON a.id = l.entry_id
WHERE l.place > :after ORDER BY l.place LIMIT :limit
"""
_LOOSE = "SELECT min(a.id) FROM audit a WHERE NOT EXISTS (SELECT FROM audit_links l WHERE l.entry_id = a.id)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A place in the chain and what stands there; `at` and the rest are None where the entry is gone.

    `detail` is the text that Postgres writes for its JSON.
    """

    place: int
    entry_id: int
    hash: bytes
    at: datetime | None
    actor: str | None
    action: str | None
    subject: str | None
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """Where the chain ends; `dropped_*`: the last of the entries that are gone for their age. `loose`: outside it."""

    place: int
    hash: bytes
    dropped_place: int
    dropped_hash: bytes
    loose: int | None = None


class BrokenChainError(Exception):
    """The first entry that does not fit: its place, its id where that is known, and what is wrong."""

    def __init__(self, why: str, *, place: int, entry_id: int | None) -> None:
        super().__init__(why)
        self.why = why
        self.place = place
        self.entry_id = entry_id


def hash_of(previous: bytes, link: Link) -> bytes:
    """The hash that belongs to `link` after `previous`. Each part is hashed alone, so that no two read the same."""
    if link.at is None or link.actor is None or link.action is None or link.subject is None or link.detail is None:
        raise ValueError(f"entry {link.entry_id} is gone")
    at_us = (link.at - EPOCH) // timedelta(microseconds=1)
    parts = (str(link.entry_id), str(at_us), link.actor, link.action, link.subject, link.detail)
    return hashlib.sha256(previous + b"".join(hashlib.sha256(part.encode()).digest() for part in parts)).digest()


class Walk:
    """Takes links in the order of their places and raises `BrokenChainError` at the first that does not fit."""

    def __init__(self, head: Head, *, expected: Mapping[int, bytes] | None = None) -> None:
        """`expected`: hashes by place, as they were once written down elsewhere."""
        self.place, self.hash = head.dropped_place, head.dropped_hash
        self._head, self._expected = head, expected or {}

    def take(self, links: Iterable[Link]) -> None:
        for link in links:
            if link.place > self._head.place:
                return  # written since the head was read
            self._check(link)
            self.place, self.hash = link.place, link.hash

    def _check(self, link: Link) -> None:
        if link.place != self.place + 1:
            raise BrokenChainError("a link is missing", place=self.place + 1, entry_id=None)
        if link.at is None:
            raise BrokenChainError("the entry is gone", place=link.place, entry_id=link.entry_id)
        if hash_of(self.hash, link) != link.hash:
            raise BrokenChainError(
                "the entry is not the one that was written, or not in its place",
                place=link.place,
                entry_id=link.entry_id,
            )
        if self._expected.get(link.place, link.hash) != link.hash:
            raise BrokenChainError(
                "the chain is whole, but not the one whose hash was written down",
                place=link.place,
                entry_id=link.entry_id,
            )

    def finish(self) -> None:
        """After the last link: the chain must end where its head says, and leave nothing out."""
        if (self.place, self.hash) != (self._head.place, self._head.hash):
            raise BrokenChainError("the chain does not end with its head", place=self.place + 1, entry_id=None)
        if self._head.loose is not None:
            raise BrokenChainError("an entry is outside the chain", place=self.place, entry_id=self._head.loose)
        if max(self._expected, default=0) > self.place:
            why = "the chain ends before a place that was written down"
            raise BrokenChainError(why, place=self.place + 1, entry_id=None)


def read_head(session: Session) -> Head:
    row = session.execute(text("SELECT place, hash, dropped_place, dropped_hash FROM audit_head")).one()
    loose = session.scalar(text(_LOOSE))
    return Head(
        place=row.place,
        hash=bytes(row.hash),
        dropped_place=row.dropped_place,
        dropped_hash=bytes(row.dropped_hash),
        loose=loose,
    )


def read_links(session: Session, *, after: int, limit: int) -> Sequence[Link]:
    """Those behind the place `after`, in order."""
    rows = session.execute(text(_LINKS), {"after": after, "limit": limit})
    return [Link(**{**row._mapping, "hash": bytes(row.hash)}) for row in rows]


def seal(session: Session) -> tuple[int, bytes]:
    """Link this transaction's entries now; return place and hash of the last. Commit soon: others wait to link."""
    session.flush()
    session.execute(text("SET CONSTRAINTS audit_linked IMMEDIATE"))
    row = session.execute(text("SELECT place, hash FROM audit_head")).one()
    return row.place, bytes(row.hash)


def broken_place(session: Session, *, newest: int = 100_000) -> int:
    """The first of the newest places that does not fit, or 0: an alarm that the worker can afford every hour."""
    return int(session.scalar(text("SELECT audit_broken_place(:newest)"), {"newest": newest}) or 0)
