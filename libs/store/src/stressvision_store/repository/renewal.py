"""Signatures end; this renews those of the online key in time, and says when each role ends."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, cast

from securesystemslib.signer import CryptoSigner
from sqlalchemy import delete, func
from sqlmodel import Session, col, select
from tuf.api.metadata import Root, Targets

from stressvision_store.model_tables import TufMetadata
from stressvision_store.repository.chain import accept_targets, need_online, renew_snapshot, renew_timestamp
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import Role, find_row, load, lock_repository, sign
from stressvision_store.repository.publishing import next_targets
from stressvision_store.repository.rotation import accept_root, draft_root, missing_signatures

RENEW_BEFORE: Final[dict[Role, timedelta]] = {"timestamp": timedelta(hours=18), "snapshot": timedelta(days=4)}
"""A role that ends sooner than this is signed anew: six hours after a timestamp was signed, three days a snapshot."""

OFFLINE_BEFORE: Final = timedelta(days=90)

KEPT: Final = timedelta(days=8)
"""Longer than a snapshot lives: until then a device may still ask for what an older timestamp named."""


def renew(session: Session, keys: ServerKeys, now: datetime | None = None) -> list[Role]:
    """Sign anew what ends soon; return which. Nothing where there is no repository, or nothing to do.

    Raise `NoKeyError` when something must be signed and the online key is not here.
    """
    at = now or datetime.now(UTC)
    lock_repository(session)
    if find_row(session, "root") is None:
        return []
    due: list[Role] = [role for role, before in RENEW_BEFORE.items() if _ends_before(session, role, at + before)]
    if not due:
        return []
    online = need_online(keys.online, load(session, Root).signed)
    if "snapshot" in due:
        renew_snapshot(session, online, at)
        due = ["snapshot", "timestamp"]
    else:
        renew_timestamp(session, online, at)
    return due


def renew_offline(
    session: Session, keys: ServerKeys, roots: Iterable[CryptoSigner], now: datetime | None = None
) -> list[Role]:
    """Sign root and targets anew when they end within 90 days and their keys are here; return which were."""
    at = now or datetime.now(UTC)
    lock_repository(session)
    renewed: list[Role] = []
    signers = list(roots)
    root = load(session, Root).signed
    if signers and root.expires < at + OFFLINE_BEFORE:
        signed = sign(draft_root(session, at), signers)
        if missing_signatures(session, signed).verified:
            accept_root(session, signed, keys, at)
            renewed.append("root")
    targets = load(session, Targets).signed
    if keys.targets is not None and keys.online is not None and targets.expires < at + OFFLINE_BEFORE:
        accept_targets(session, sign(next_targets(targets, now=at), [keys.targets]), keys.online, at)
        renewed.append("targets")
    return renewed


def _ends_before(session: Session, role: Role, moment: datetime) -> bool:
    row = find_row(session, role)
    return row is None or row.expires_at < moment


def forget_old(session: Session, now: datetime | None = None) -> int:
    """Delete timestamps and snapshots that nobody can ask for any more; return how many. Root and targets stay."""
    at = now or datetime.now(UTC)
    old = (
        select(col(TufMetadata.role), func.max(col(TufMetadata.version)).label("version"))
        .where(col(TufMetadata.role).in_(("timestamp", "snapshot")))
        .group_by(col(TufMetadata.role))
        .subquery()
    )
    gone = session.exec(
        delete(TufMetadata).where(
            col(TufMetadata.role) == old.c.role,
            col(TufMetadata.version) < old.c.version,
            col(TufMetadata.signed_at) < at - KEPT,
        )
    )
    return gone.rowcount


def ends(session: Session) -> dict[Role, datetime]:
    """When the metadata in force of each role ends; empty where there is no repository."""
    newest = (
        select(
            col(TufMetadata.role),
            func.max(col(TufMetadata.version)).label("version"),
        )
        .group_by(col(TufMetadata.role))
        .subquery()
    )
    rows = session.exec(
        select(col(TufMetadata.role), col(TufMetadata.expires_at)).where(
            col(TufMetadata.role) == newest.c.role, col(TufMetadata.version) == newest.c.version
        )
    ).all()
    return {cast("Role", role): expires_at for role, expires_at in rows}
