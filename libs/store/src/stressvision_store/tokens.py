"""API tokens: made once, shown once, kept as a SHA-256. They are 256 random bits, so a fast hash is enough."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from stressvision_store.paging import one, take
from stressvision_store.workforce_tables import ApiToken

TOKEN_PREFIX = "sv_"  # noqa: S105 - lets scanners for leaked secrets recognise one


def hash_token(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def create_token(
    session: Session, *, name: str, roles: Sequence[str], valid_for: timedelta | None
) -> tuple[ApiToken, str]:
    """The row, and the token itself, which is nowhere else."""
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires_at = datetime.now(UTC) + valid_for if valid_for is not None else None
    row = ApiToken(token_hash=hash_token(token), name=name, roles=list(roles), expires_at=expires_at)
    session.add(row)
    session.flush()
    session.refresh(row)
    return row, token


def find_token(session: Session, token: str) -> ApiToken | None:
    """The row of a token that may be used now."""
    row = session.exec(select(ApiToken).where(col(ApiToken.token_hash) == hash_token(token))).first()
    if row is None or row.revoked_at is not None:
        return None
    if row.expires_at is not None and row.expires_at <= datetime.now(UTC):
        return None
    return row


def list_tokens(session: Session, *, after: int | None, limit: int) -> Sequence[ApiToken]:
    return take(session, select(ApiToken), key=col(ApiToken.id), after=after, limit=limit)


def revoke_token(session: Session, token_id: int) -> ApiToken:
    """Revoking twice keeps the first time."""
    row = one(session, ApiToken, token_id, "token", lock=True)
    row.revoked_at = row.revoked_at or datetime.now(UTC)
    session.add(row)
    return row
