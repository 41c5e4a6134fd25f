"""Codes that let one device join, once: made and shown once, kept as a SHA-256 (a code has 100 random bits)."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.tables import EnrolmentCode
from stressvision_store.workforce_tables import Station

_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 4, 5


def hash_code(code: str) -> bytes:
    """Of the code exactly as it was shown."""
    return hashlib.sha256(code.encode()).digest()


def create_code(session: Session, *, station_id: int | None, valid_for: timedelta) -> tuple[EnrolmentCode, str]:
    """The row, and the code itself, which is nowhere else. A device that joins with it stands at that station."""
    if station_id is not None:
        one(session, Station, station_id, "station")
    code = "-".join("".join(secrets.choice(_LETTERS) for _ in range(_GROUP)) for _ in range(_GROUPS))
    row = EnrolmentCode(code_hash=hash_code(code), station_id=station_id, expires_at=datetime.now(UTC) + valid_for)
    session.add(row)
    session.flush()
    session.refresh(row)
    return row, code


def list_codes(session: Session, *, after: str | None, limit: int) -> Sequence[EnrolmentCode]:
    """In the order of their hashes: they are few, and no other column is unique."""
    key = None if after is None else _hash_of(after)
    statement = select(EnrolmentCode)
    if key is not None:
        statement = statement.where(col(EnrolmentCode.code_hash) > key)
    return take(session, statement, key=col(EnrolmentCode.code_hash), after=None, limit=limit)


def withdraw_code(session: Session, code_id: str) -> EnrolmentCode:
    """A code nobody has used yet expires now. `code_id` is its hash in hex."""
    row = one(session, EnrolmentCode, _hash_of(code_id), "enrolment code", lock=True)
    if row.used_at is not None:
        raise ConflictError(f"device {row.device_id} has joined with this code; revoke the device instead")
    row.expires_at = min(row.expires_at, datetime.now(UTC))
    session.flush()
    return row


def _hash_of(code_id: str) -> bytes:
    try:
        return bytes.fromhex(code_id)
    except ValueError:
        raise InvalidError(f"{code_id!r} is no id of an enrolment code; they are 64 hex digits") from None
