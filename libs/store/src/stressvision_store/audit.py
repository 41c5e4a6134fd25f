"""Who did or looked at what. Entries are only ever added."""

from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, col, select

from stressvision_store.paging import take
from stressvision_store.workforce_tables import AuditEntry


def append(session: Session, *, actor: str, action: str, subject: str, **detail: Any) -> None:
    """Write one entry in the caller's transaction. `detail` holds values that JSON can carry, and never a name."""
    session.add(AuditEntry(actor=actor, action=action, subject=subject, detail=detail))


def list_entries(
    session: Session,
    *,
    actor: str | None = None,
    action: str | None = None,
    subject: str | None = None,
    after: int | None,
    limit: int,
) -> Sequence[AuditEntry]:
    """Newest first."""
    statement = select(AuditEntry)
    for column, wanted in (
        (AuditEntry.actor, actor),
        (AuditEntry.action, action),
        (AuditEntry.subject, subject),
    ):
        if wanted is not None:
            statement = statement.where(col(column) == wanted)
    return take(session, statement, key=col(AuditEntry.id), after=after, limit=limit, newest_first=True)
