"""From targets to timestamp: whatever changes, a new snapshot and timestamp say what belongs together."""

from datetime import datetime, timedelta

from securesystemslib.signer import CryptoSigner
from sqlmodel import Session
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from stressvision_store.repository.metadata import (
    NoKeyError,
    NoRepositoryError,
    Role,
    expiry,
    find_row,
    keep,
    load,
    meta_of,
    sign,
    verify,
    write,
)


def next_version(session: Session, role: Role) -> int:
    """One above the version in force; 1 where there is none."""
    row = find_row(session, role)
    return 1 if row is None else row.version + 1


def sign_snapshot(
    session: Session, online: CryptoSigner, *, now: datetime, version: int, lifetime: timedelta | None = None
) -> Metadata[Snapshot]:
    """A snapshot of the targets in force."""
    row = find_row(session, "targets")
    if row is None:
        raise NoRepositoryError
    meta = {"targets.json": meta_of(row.content, row.version)}
    return sign(Snapshot(version=version, expires=expiry("snapshot", now, lifetime), meta=meta), [online])


def sign_timestamp(
    snapshot: Metadata[Snapshot],
    online: CryptoSigner,
    *,
    now: datetime,
    version: int,
    lifetime: timedelta | None = None,
) -> Metadata[Timestamp]:
    """A timestamp that names `snapshot`."""
    meta = meta_of(write(snapshot), snapshot.signed.version)
    return sign(Timestamp(version=version, expires=expiry("timestamp", now, lifetime), snapshot_meta=meta), [online])


def renew_snapshot(session: Session, online: CryptoSigner, now: datetime) -> None:
    """A new snapshot of the targets in force, and a timestamp that names it."""
    keep(session, sign_snapshot(session, online, now=now, version=next_version(session, "snapshot")))
    renew_timestamp(session, online, now)


def renew_timestamp(session: Session, online: CryptoSigner, now: datetime) -> None:
    """A new timestamp that names the snapshot in force."""
    snapshot = load(session, Snapshot)
    keep(session, sign_timestamp(snapshot, online, now=now, version=next_version(session, "timestamp")))


def accept_targets(session: Session, targets: Metadata[Targets], online: CryptoSigner, now: datetime) -> None:
    """Have `targets` follow those in force, if root's keys signed them. Raise `InvalidError`."""
    verify(load(session, Root).signed, targets)
    keep(session, targets)
    renew_snapshot(session, online, now)


def need_online(online: CryptoSigner | None, root: Root) -> CryptoSigner:
    """The online key, when there is one and root names it. Raise `NoKeyError`."""
    if online is None:
        raise NoKeyError(
            "this server has no online key, so it cannot sign snapshots and timestamps; put online.pem into the "
            "folder that STRESSVISION_SIGNING_KEYS names"
        )
    keyid = online.public_key.keyid
    if any(keyid not in root.get_delegated_role(role).keyids for role in ("snapshot", "timestamp")):
        raise NoKeyError(
            f"root does not name the online key {keyid[:12]} for snapshot and timestamp; put the right online.pem "
            "into the folder that STRESSVISION_SIGNING_KEYS names, or rotate the key"
        )
    return online
