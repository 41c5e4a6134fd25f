"""A new root: which keys count from now on. It is signed as the old root asks and as it asks itself."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final, Literal

from securesystemslib.signer import CryptoSigner, Key
from sqlmodel import Session
from tuf.api.metadata import Metadata, Root, RootVerificationResult, Snapshot, Targets, Timestamp

from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.repository.chain import need_online, renew_snapshot
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import NoKeyError, expiry, keep, load, lock_repository, sign, verify
from stressvision_store.repository.publishing import next_targets

KeyName = Literal["root", "targets", "online"]
ROLES_OF: Final[dict[KeyName, tuple[str, ...]]] = {
    "root": ("root",),
    "targets": ("targets",),
    "online": ("snapshot", "timestamp"),
}


def draft_root(session: Session, now: datetime | None = None) -> Root:
    """What follows the root in force: the same keys, one version up, good for a year from now."""
    root = load(session, Root).signed
    root.version += 1
    root.expires = expiry("root", now)
    return root


def replace_keys(root: Root, name: KeyName, new: Iterable[Key], *, drop: Iterable[str] | None = None) -> None:
    """Have `new` keys count for the roles of `name`, and those of the ids `drop` (None: all others) no longer."""
    added = list(new)
    for role in ROLES_OF[name]:
        known = list(root.get_delegated_role(role).keyids)
        for key in added:
            root.add_key(key, role)
        fresh = {key.keyid for key in added}
        for keyid in known if drop is None else drop:
            if keyid not in fresh:
                root.revoke_key(keyid, role)
        if len(root.get_delegated_role(role).keyids) < root.get_delegated_role(role).threshold:
            raise InvalidError(f"{role} would have fewer keys than its threshold; add another or lower the threshold")


def missing_signatures(session: Session, root: Metadata[Root]) -> RootVerificationResult:
    """What the root in force, and the new one itself, still ask for."""
    current = load(session, Root)
    return root.signed.get_root_verification_result(current.signed, root.signed_bytes, root.signatures)


def accept_root(session: Session, root: Metadata[Root], keys: ServerKeys, now: datetime | None = None) -> None:
    """Put a new root in force, and sign anew what its keys did not.

    Raise `ConflictError` when another root came first, `InvalidError` when signatures are missing, `NoKeyError` when
    something must be signed anew by a key that is not among `keys`.
    """
    at = now or datetime.now(UTC)
    lock_repository(session)
    current = load(session, Root).signed
    if root.signed.version != current.version + 1:
        raise ConflictError(
            f"this root is version {root.signed.version}, but {current.version} is in force; draft it again"
        )
    if not at < root.signed.expires or root.signed.consistent_snapshot is not True:
        raise InvalidError("this root has ended, or does not ask for consistent snapshots")
    result = missing_signatures(session, root)
    if not result.verified:
        by_old, by_new = result.first, result.second
        raise InvalidError(
            f"signatures are missing: {by_old.missing} of the keys of root {current.version} "
            f"({_short(by_old.unsigned)}), {by_new.missing} of its own ({_short(by_new.unsigned)})"
        )
    keep(session, root)
    _sign_what_is_not(session, root.signed, keys, at)


def _sign_what_is_not(session: Session, root: Root, keys: ServerKeys, at: datetime) -> None:
    """Targets, snapshot and timestamp that the new root's keys did not sign are signed anew."""
    targets = load(session, Targets)
    if not _holds(root, targets):
        if keys.targets is None or keys.targets.public_key.keyid not in root.get_delegated_role("targets").keyids:
            raise NoKeyError("the targets must be signed anew by a key that this root names; put it beside the others")
        keep(session, sign(next_targets(targets.signed, now=at), [keys.targets]))
    elif _holds(root, load(session, Snapshot)) and _holds(root, load(session, Timestamp)):
        return
    renew_snapshot(session, need_online(keys.online, root), at)


def _holds(root: Root, metadata: Metadata[Targets] | Metadata[Snapshot] | Metadata[Timestamp]) -> bool:
    try:
        verify(root, metadata)
    except InvalidError:
        return False
    return True


def sign_root(root: Metadata[Root], signers: Iterable[CryptoSigner]) -> None:
    """Add signatures to those that are there."""
    for signer in signers:
        root.sign(signer, append=True)


def _short(keys: dict[str, Key]) -> str:
    return ", ".join(sorted(keyid[:12] for keyid in keys)) or "none"
