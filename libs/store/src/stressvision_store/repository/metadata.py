"""Metadata as it is kept: the newest of each role, and new versions of it, each a row that never changes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeVar

from securesystemslib.signer import CryptoSigner
from sqlalchemy import text
from sqlmodel import Session, col, select
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

from stressvision_store.locks import Lock, hold
from stressvision_store.model_tables import TufMetadata
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError

Role = Literal["root", "targets", "snapshot", "timestamp"]
ROLES: Final[tuple[Role, ...]] = ("root", "targets", "snapshot", "timestamp")

LIFETIMES: Final[dict[Role, timedelta]] = {
    "root": timedelta(days=365),
    "targets": timedelta(days=365),
    "snapshot": timedelta(days=7),
    "timestamp": timedelta(days=1),
}
"""How long a signature is good. A short timestamp is what ends a replay of old metadata (a freeze attack)."""

_SERIALIZER: Final = JSONSerializer(compact=True, validate=True)

Content = TypeVar("Content", Root, Targets, Snapshot, Timestamp)


class NoRepositoryError(NotFoundError):
    """Nothing has ever been signed here."""

    def __init__(self) -> None:
        super().__init__("there is no signed repository yet; `stressvision-store repository init` makes one")


class NoKeyError(ConflictError):
    """The key that this would take does not lie on this server."""


def lock_repository(session: Session) -> None:
    """Wait until nobody else changes the repository, and let nobody until this transaction ends.

    Nobody needs it for long: raise `OperationalError` after 15 s, rather than wait for a process that hangs.
    """
    session.execute(text("SET LOCAL lock_timeout = '15s'"))
    hold(session, Lock.REPOSITORY)


def expiry(role: Role, now: datetime | None = None, lifetime: timedelta | None = None) -> datetime:
    """When what is signed now ends, to the second, as TUF writes times."""
    return ((now or datetime.now(UTC)) + (lifetime or LIFETIMES[role])).replace(microsecond=0)


def find_row(session: Session, role: Role) -> TufMetadata | None:
    """The newest version of `role`."""
    newest = select(TufMetadata).where(col(TufMetadata.role) == role).order_by(col(TufMetadata.version).desc()).limit(1)
    return session.exec(newest).first()


def find_content(session: Session, role: Role, version: int | None) -> bytes | None:
    """That version of `role`, or the newest; None where there is none."""
    row = find_row(session, role) if version is None else session.get(TufMetadata, (role, version))
    return None if row is None else bytes(row.content)


def load(session: Session, kind: type[Content]) -> Metadata[Content]:
    """The metadata of a role that is in force. Raise `NoRepositoryError`."""
    row = find_row(session, _role_of(kind))
    if row is None:
        raise NoRepositoryError
    return read(row.content, kind)


def read(content: bytes, kind: type[Content]) -> Metadata[Content]:
    """Metadata of that role, not verified. Raise `InvalidError` when it is none."""
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(content)
    except (RepositoryError, ValueError) as error:
        raise InvalidError(f"this is no TUF metadata: {error}", field="body") from error
    if not isinstance(metadata.signed, kind):
        raise InvalidError(f"this is metadata of the role {metadata.signed.type}, not of {kind.type}", field="body")
    return metadata


def write(metadata: Metadata[Any]) -> bytes:
    """What is stored and served: the bytes that other metadata refers to by length and hash."""
    return metadata.to_bytes(_SERIALIZER)


def sign(signed: Content, signers: Iterable[CryptoSigner]) -> Metadata[Content]:
    """`signed` with one signature of each key."""
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata


def keep(session: Session, metadata: Metadata[Any]) -> bytes:
    """Store a new version in the caller's transaction; return its bytes."""
    content = write(metadata)
    signed: Signed = metadata.signed
    session.add(TufMetadata(role=signed.type, version=signed.version, content=content, expires_at=signed.expires))
    session.flush()
    return content


def meta_of(content: bytes, version: int) -> MetaFile:
    """How a snapshot or timestamp refers to `content`: by version, length and SHA-256."""
    return MetaFile.from_data(version, content, ["sha256"])


def verify(root: Root, metadata: Metadata[Any]) -> None:
    """Raise `InvalidError` when `metadata` is not signed as `root` asks."""
    role = metadata.signed.type
    if not root.get_verification_result(role, metadata.signed_bytes, metadata.signatures):
        wanted = root.get_delegated_role(role)
        raise InvalidError(
            f"this {role} metadata does not carry {wanted.threshold} good signature(s) of the keys "
            f"{', '.join(keyid[:12] for keyid in wanted.keyids)} that root names; sign it with one of those",
            field="body",
        )


def _role_of(kind: type[Signed]) -> Role:
    role: Role = kind.type  # type: ignore[assignment]  # the four kinds of `Content` have these four names
    return role
