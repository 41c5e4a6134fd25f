"""How a repository begins: root names the keys, and empty targets are published."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from securesystemslib.signer import CryptoSigner
from sqlmodel import Session
from tuf.api.metadata import Root, Targets

from stressvision_store.refusals import InvalidError
from stressvision_store.repository.chain import renew_snapshot
from stressvision_store.repository.metadata import expiry, find_row, keep, lock_repository, sign


@dataclass(frozen=True, slots=True)
class AllKeys:
    """Every key, as it is when a repository begins. `threshold` root keys must sign a new root."""

    roots: Sequence[CryptoSigner]
    targets: CryptoSigner
    online: CryptoSigner
    threshold: int = 1


def create_repository(session: Session, keys: AllKeys, now: datetime | None = None) -> bool:
    """Sign version 1 of every role; False when there is a repository already, which is left as it is."""
    if not 1 <= keys.threshold <= len(keys.roots):
        raise InvalidError(f"a threshold of {keys.threshold} cannot be met by {len(keys.roots)} root key(s)")
    lock_repository(session)
    if find_row(session, "root") is not None:
        return False
    at = now or datetime.now(UTC)
    root = Root(version=1, expires=expiry("root", at), consistent_snapshot=True)
    for signer in keys.roots:
        root.add_key(signer.public_key, "root")
    root.roles["root"].threshold = keys.threshold
    root.add_key(keys.targets.public_key, "targets")
    for role in ("snapshot", "timestamp"):
        root.add_key(keys.online.public_key, role)
    keep(session, sign(root, keys.roots))
    keep(session, sign(Targets(version=1, expires=expiry("targets", at)), [keys.targets]))
    renew_snapshot(session, keys.online, at)
    return True
