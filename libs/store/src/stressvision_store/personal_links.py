"""Links to a person's own page: made by a privacy officer, shown once, kept as a SHA-256, over by the clock.

The key is 256 random bits, so a fast hash is enough.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import Session, col, func, select

from stressvision_store import audit
from stressvision_store.paging import one, take
from stressvision_store.personal_tables import PersonalLink
from stressvision_store.refusals import InvalidError
from stressvision_store.workforce_tables import Employee

MOST_DAYS: Final = 90


def hash_key(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def make_link(session: Session, employee_id: int, *, days: int, actor: str) -> tuple[PersonalLink, str]:
    """The row, and the key itself, which is nowhere else. Other links of the person stay good."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidError(f"a link lasts 1 to {MOST_DAYS} days", field="days")
    one(session, Employee, employee_id, "employee", lock=True)
    now: datetime = session.exec(select(func.now())).one()
    key = secrets.token_urlsafe(32)
    row = PersonalLink(
        employee_id=employee_id, key_hash=hash_key(key), made_by=actor, expires_at=now + timedelta(days=days)
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    audit.append(
        session, actor=actor, action="link.make", subject=f"employee {employee_id}", link_id=row.id,
        expires_at=row.expires_at.isoformat(),
    )  # fmt: skip
    return row, key


def find_link(session: Session, key: str) -> PersonalLink | None:
    """The row of a link that may be used now."""
    statement = select(PersonalLink).where(
        col(PersonalLink.key_hash) == hash_key(key),
        col(PersonalLink.expires_at) > func.now(),
        col(PersonalLink.revoked_at).is_(None),
    )
    return session.exec(statement).first()


def list_links(
    session: Session, *, employee_id: int | None = None, after: int | None, limit: int
) -> Sequence[PersonalLink]:
    statement = select(PersonalLink)
    if employee_id is not None:
        statement = statement.where(PersonalLink.employee_id == employee_id)
    return take(session, statement, key=col(PersonalLink.id), after=after, limit=limit)


def revoke_link(session: Session, link_id: int, *, actor: str) -> PersonalLink:
    """Revoking twice keeps the first time."""
    row = one(session, PersonalLink, link_id, "link", lock=True)
    if row.revoked_at is None:
        row.revoked_at, row.revoked_by = session.exec(select(func.now())).one(), actor
        session.flush()
        subject = f"employee {row.employee_id}"
        audit.append(session, actor=actor, action="link.revoke", subject=subject, link_id=link_id)
    return row
