"""The repository as files for devices without a network: a folder that a TUF client reads as it would the server."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlmodel import Session, col, select
from tuf.api.metadata import Root, Targets

from stressvision_store import model_files
from stressvision_store.model_tables import TufMetadata
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.repository.chain import (
    need_online,
    next_version,
    renew_snapshot,
    sign_snapshot,
    sign_timestamp,
)
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import find_row, keep, load, lock_repository, write
from stressvision_store.repository.publishing import SUFFIX, target_path

MAX_DAYS: Final = 180


def export_files(
    session: Session, keys: ServerKeys, *, days: int, version: str | None = None, now: datetime | None = None
) -> Iterator[tuple[str, bytes]]:
    """Path and content of each file, `version`'s model alone where one is named.

    Snapshot and timestamp are signed for `days`; right after, the server's own follow with the usual short lives, so
    that a device with a network is held to those. Raise `InvalidError` when targets or root end before that.
    """
    at = now or datetime.now(UTC)
    if not 1 <= days <= MAX_DAYS:
        raise InvalidError(f"{days} days: from 1 to {MAX_DAYS} are possible", field="days")
    lock_repository(session)
    root, targets = load(session, Root).signed, load(session, Targets).signed
    online = need_online(keys.online, root)
    for signed in (root, targets):
        if signed.expires < at + timedelta(days=days):
            raise InvalidError(f"{signed.type} ends at {signed.expires.isoformat()}, before {days} days are over; "
                               "sign it anew, or export for fewer days", field="days")  # fmt: skip
    if version is not None and target_path(version) not in targets.targets:
        raise ConflictError(f"model {version!r} is not offered by the repository; publish it first")
    lifetime = timedelta(days=days)
    snapshot = sign_snapshot(session, online, now=at, version=next_version(session, "snapshot"), lifetime=lifetime)
    timestamp = sign_timestamp(snapshot, online, now=at, version=next_version(session, "timestamp"), lifetime=lifetime)
    # kept so that their numbers are taken, and superseded at once
    keep(session, snapshot)
    keep(session, timestamp)
    renew_snapshot(session, online, at)
    yield from _roots(session)
    row = find_row(session, "targets")
    assert row is not None
    yield f"metadata/{row.version}.targets.json", bytes(row.content)
    yield f"metadata/{snapshot.signed.version}.snapshot.json", write(snapshot)
    yield "metadata/timestamp.json", write(timestamp)
    for path, target in targets.targets.items():
        if version is None or path == target_path(version):
            digest = target.hashes["sha256"]
            yield f"targets/{digest}.{path.removesuffix(SUFFIX)}{SUFFIX}", model_files.load_file(session, digest)


def _roots(session: Session) -> Iterator[tuple[str, bytes]]:
    roots = select(TufMetadata).where(col(TufMetadata.role) == "root").order_by(col(TufMetadata.version))
    for row in session.exec(roots):
        yield f"metadata/{row.version}.root.json", bytes(row.content)
