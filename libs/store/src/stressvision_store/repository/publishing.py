"""Which models devices may load: a target of the repository each, named `<version>.tflite`, with its manifest."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from securesystemslib.signer import CryptoSigner
from sqlalchemy import func
from sqlmodel import Session, col, select, update
from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from stressvision_store.model_tables import ModelFile, ModelVersion
from stressvision_store.paging import one
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.repository.chain import accept_targets, need_online
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import LIFETIMES, NoKeyError, expiry, load, lock_repository, sign

SUFFIX: Final = ".tflite"


def target_path(version: str) -> str:
    """How the repository calls the file of a model."""
    return f"{version}{SUFFIX}"


def make_target(version: str, *, digest: str, size_bytes: int, manifest: dict[str, Any]) -> TargetFile:
    """`digest`: the SHA-256 of the file, whose manifest a device reads from here and from nowhere else.

    The manifest travels as JSON text within the JSON, since the canonical form that TUF signs knows no fractions.
    """
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    custom = {"custom": {"manifest": text}}
    return TargetFile(size_bytes, {"sha256": digest}, target_path(version), unrecognized_fields=custom)


def next_targets(
    current: Targets,
    *,
    add: TargetFile | None = None,
    remove: str | None = None,
    now: datetime | None = None,
) -> Targets:
    """What follows `current`: one version up, good for a year, with one target more or less."""
    targets = {path: target for path, target in current.targets.items() if path != remove}
    if add is not None:
        targets[add.path] = add
    return Targets(version=current.version + 1, expires=expiry("targets", now), targets=targets)


def target_of(session: Session, version: str) -> TargetFile:
    """The target of a model that may be published. Raise `ConflictError` when it is not approved or has no file."""
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.state != "approved":
        raise ConflictError(f"model {version!r} is {row.state}; only an approved model is published")
    size = session.exec(select(col(ModelFile.size_bytes)).where(col(ModelFile.digest) == row.digest)).first()
    if size is None:
        raise ConflictError(f"the file of model {version!r} is not here; `stressvision models register DIR` uploads it")
    return make_target(version, digest=row.digest, size_bytes=size, manifest=row.manifest)


def publish(session: Session, version: str, keys: ServerKeys, now: datetime | None = None) -> bool:
    """Offer an approved model to devices; False when it is offered already.

    All of it happens in the caller's transaction: whoever looks sees the repository before or after. Raise
    `NoKeyError` when the targets key is not on this server.
    """
    at = now or datetime.now(UTC)
    lock_repository(session)
    target = target_of(session, version)
    current = load(session, Targets).signed
    if current.targets.get(target.path) == target:
        _note_published(session, current)
        return False
    _sign_and_keep(session, next_targets(current, add=target, now=at), keys, at, version)
    return True


def withdraw(session: Session, version: str, keys: ServerKeys, now: datetime | None = None) -> bool:
    """Offer a model no longer; False when it was not offered. Raise `NoKeyError` as `publish` does."""
    at = now or datetime.now(UTC)
    lock_repository(session)
    one(session, ModelVersion, version, "model", lock=True)
    current = load(session, Targets).signed
    path = target_path(version)
    if path not in current.targets:
        _note_published(session, current)
        return False
    _sign_and_keep(session, next_targets(current, remove=path, now=at), keys, at, version)
    return True


def publish_signed(
    session: Session, targets: Metadata[Targets], keys: ServerKeys, now: datetime | None = None
) -> list[str]:
    """Take targets that an operator signed elsewhere; return the versions that are offered now.

    Raise `ConflictError` when other targets came first, `InvalidError` when the signature or what is signed is not
    right: each target must be an approved model, with its file and its own manifest.
    """
    at = now or datetime.now(UTC)
    lock_repository(session)
    current, signed = load(session, Targets).signed, targets.signed
    if signed.version != current.version + 1:
        raise ConflictError(
            f"these targets are version {signed.version}, but {current.version} is in force; "
            "other targets came first: sign again"
        )
    if not at < signed.expires <= at + 2 * LIFETIMES["targets"]:
        raise InvalidError(f"these targets expire at {signed.expires.isoformat()}; is the signer's clock right?")
    if signed.delegations is not None:
        raise InvalidError("these targets delegate to others, which no device of ours follows")
    for path, target in signed.targets.items():
        if current.targets.get(path) != target and target != target_of(session, path.removesuffix(SUFFIX)):
            raise InvalidError(f"the target {path} is not what is registered under that version")
    root = load(session, Root).signed
    accept_targets(session, targets, need_online(keys.online, root), at)
    _note_published(session, signed)
    return sorted(path.removesuffix(SUFFIX) for path in signed.targets)


def _sign_and_keep(session: Session, targets: Targets, keys: ServerKeys, at: datetime, version: str) -> None:
    root = load(session, Root).signed
    accept_targets(
        session, sign(targets, [_need_targets(keys.targets, root, version)]), need_online(keys.online, root), at
    )
    _note_published(session, targets)


def _need_targets(key: CryptoSigner | None, root: Root, version: str) -> CryptoSigner:
    if key is None:
        raise NoKeyError(
            f"the targets key is not on this server; where it is, run `stressvision models sign {version} --key FILE`"
        )
    if key.public_key.keyid not in root.get_delegated_role("targets").keyids:
        raise NoKeyError(
            f"root does not name the targets key {key.public_key.keyid[:12]} of this server; "
            "put the right targets.pem there, or rotate the key"
        )
    return key


def _note_published(session: Session, targets: Targets) -> None:
    """Have the registry say what the repository says."""
    offered = [path.removesuffix(SUFFIX) for path in targets.targets]
    version, published_at = col(ModelVersion.version), col(ModelVersion.published_at)
    session.exec(
        update(ModelVersion)
        .where(version.in_(offered), published_at.is_(None))
        .values(published_at=func.now())
        .execution_options(synchronize_session="fetch")
    )
    session.exec(
        update(ModelVersion)
        .where(version.not_in(offered), published_at.is_not(None))
        .values(published_at=None)
        .execution_options(synchronize_session="fetch")
    )
