"""The bytes of models, each once, under its digest."""

import hashlib
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from stressvision_store.model_tables import ModelFile, ModelVersion
from stressvision_store.paging import one
from stressvision_store.refusals import InvalidError, NotFoundError

MAX_FILE_BYTES: Final = 16 << 20
"""A model must stay under 10 MB to pass its gates; more than this is no model of ours."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is known of a file without its bytes."""

    digest: str
    size_bytes: int


def keep_file(session: Session, version: str, content: bytes) -> bool:
    """Keep the file of a registered model; False when it is here already. Raise `InvalidError` for other bytes."""
    row = one(session, ModelVersion, version, "model", lock=True)
    if len(content) > MAX_FILE_BYTES:
        raise InvalidError(f"the file has {len(content)} bytes; {MAX_FILE_BYTES} at most", field="body")
    digest = hashlib.sha256(content).hexdigest()
    if digest != row.digest:
        raise InvalidError(
            f"the file has the digest {digest}, the manifest of {version!r} says {row.digest}; send the right file",
            field="body",
        )
    if len(content) != row.manifest.get("size_bytes"):
        raise InvalidError(
            f"the file has {len(content)} bytes, the manifest of {version!r} says {row.manifest.get('size_bytes')}; "
            "export it again",
            field="body",
        )
    if find_file(session, digest) is not None:
        return False
    session.add(ModelFile(digest=digest, content=content, size_bytes=len(content)))
    session.flush()
    return True


def find_file(session: Session, digest: str) -> FileFacts | None:
    size = session.exec(select(col(ModelFile.size_bytes)).where(col(ModelFile.digest) == digest)).first()
    return None if size is None else FileFacts(digest, size)


def load_file(session: Session, digest: str) -> bytes:
    """The bytes. Raise `NotFoundError`."""
    content = session.exec(select(col(ModelFile.content)).where(col(ModelFile.digest) == digest)).first()
    if content is None:
        raise NotFoundError(f"the file {digest} is not here; `stressvision models register DIR` uploads it")
    return bytes(content)


def published_digest(session: Session, version: str) -> str | None:
    """The digest of a model that devices are offered; None for any other."""
    row = session.get(ModelVersion, version)
    return row.digest if row is not None and row.published_at is not None else None
