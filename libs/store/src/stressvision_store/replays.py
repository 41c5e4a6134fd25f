"""Dead letters that are sent again: asked for by people, taken and settled one at a time by the intake.

A letter is locked while it is dealt with, and settled in the transaction that stores its event, so that it counts
either as rejected or as stored, whatever is killed in between, and for one intake only.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import func
from sqlmodel import Session, col, update

from stressvision_store.binary import Connection
from stressvision_store.refusals import InvalidError
from stressvision_store.tables import DeadLetter

LOST_REASONS: Final = frozenset({"conflict", "profile"})
"""What no replay can mend: another event has the id, or the content was not kept."""


@dataclass(frozen=True, slots=True)
class AskedLetter:
    """A letter to send again, with the clocks of the batch that it came in."""

    id: int
    device_id: int
    body: bytes
    reason: str
    sent_at: datetime | None
    boot_id: str | None
    sent_monotonic_s: float | None
    boot_started_at: datetime | None
    received_at: datetime


def ask(
    session: Session, *, device_id: int | None = None, reason: str | None = None, since: datetime | None = None
) -> int:
    """Have matching letters sent again; return how many. `InvalidError` for a reason that no replay can mend."""
    if reason in LOST_REASONS:
        why = "another event has its id" if reason == "conflict" else "its content was not kept"
        raise InvalidError(f"an event refused as {reason} cannot be sent again: {why}", field="reason")
    statement = update(DeadLetter).where(
        col(DeadLetter.replayed_at).is_(None),
        col(DeadLetter.replay_asked_at).is_(None),
        col(DeadLetter.reason).not_in(LOST_REASONS),
    )
    if device_id is not None:
        statement = statement.where(col(DeadLetter.device_id) == device_id)
    if reason is not None:
        statement = statement.where(col(DeadLetter.reason) == reason)
    if since is not None:
        statement = statement.where(col(DeadLetter.received_at) >= since)
    return session.exec(statement.values(replay_asked_at=func.now())).rowcount


_TAKE: Final = b"""
SELECT id, device_id, body, reason, sent_at, boot_id, sent_monotonic_s, boot_started_at, received_at
FROM dead_letters WHERE replay_asked_at IS NOT NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_SETTLE: Final = b"""
WITH settled AS (
    UPDATE dead_letters SET replayed_at = now(), replay_asked_at = NULL WHERE id = $1 RETURNING device_id
)
INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost) SELECT device_id, 0, 0, -1, 0 FROM settled
"""
_KEEP: Final = b"UPDATE dead_letters SET replay_asked_at = NULL, reason = $2, detail = $3 WHERE id = $1"


async def take(connection: Connection) -> AskedLetter | None:
    """Lock the oldest letter that nobody else deals with; call within a transaction."""
    row = await (await connection.execute(_TAKE)).fetchone()
    return None if row is None else AskedLetter(*row)  # type: ignore[arg-type]


async def settle(connection: Connection, letter: AskedLetter) -> None:
    """Its event is stored, or was: it counts no longer as rejected."""
    await connection.execute(_SETTLE, [letter.id])


async def keep(connection: Connection, letter: AskedLetter, reason: str, detail: str) -> None:
    """It was refused again."""
    await connection.execute(_KEEP, [letter.id, reason, detail])
