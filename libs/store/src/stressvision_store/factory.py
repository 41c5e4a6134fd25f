"""The model that comes with the platform: whoever installs the platform has let it through."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlmodel import Session, col, select

from stressvision_contracts.manifest import Manifest, read_manifest
from stressvision_store import audit
from stressvision_store.model_files import keep_file
from stressvision_store.model_reports import CARD
from stressvision_store.model_tables import ModelReport, ModelVersion
from stressvision_store.model_versions import desire_model, refuse_known_file, register_model
from stressvision_store.refusals import InvalidError
from stressvision_store.repository import publishing
from stressvision_store.repository.keys import KeyFileError, ServerKeys
from stressvision_store.repository.metadata import NoKeyError, NoRepositoryError

FACTORY: Final = "factory"
"""Who registered and approved it."""


@dataclass(frozen=True, slots=True)
class Installed:
    """`notice`: why devices cannot download it yet; None when they can."""

    version: str
    is_new: bool
    published: bool
    desired: bool
    notice: str | None = None


def read_folder(folder: Path) -> tuple[Manifest, bytes, bytes | None]:
    """Manifest, file and card as they lie in `folder`. Raise `InvalidError` when they do not belong together."""
    try:
        manifest = read_manifest((folder / "manifest.json").read_bytes())
        content = (folder / manifest.file).read_bytes()
        card = (folder / CARD).read_bytes() if (folder / CARD).exists() else None
    except OSError as error:
        raise InvalidError(f"{error.filename} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidError(f"{folder / 'manifest.json'} is no manifest: {error}") from error
    if (digest := hashlib.sha256(content).hexdigest()) != manifest.digest:
        raise InvalidError(f"{folder / manifest.file} has the digest {digest}, its manifest says {manifest.digest}")
    return manifest, content, card


def install_model(session: Session, folder: Path, keys: ServerKeys) -> Installed:
    """Have the model in `folder` registered, approved, kept, published, and desired unless another one is.

    Doing it again changes nothing; a model that somebody rejected or retired stays so. Raise `ConflictError` when its
    file was approved under another version.
    """
    manifest, content, card = read_folder(folder)
    row, is_new = register_model(session, manifest, actor=FACTORY)
    if row.state == "candidate":
        refuse_known_file(session, row)
        row.state, row.approved_by, row.approved_at = "approved", FACTORY, datetime.now(UTC)
        detail = {"digest": row.digest}
        audit.append(session, actor=FACTORY, action="model.install", subject=f"model {row.version}", **detail)
    keep_file(session, row.version, content)
    if card is not None and session.get(ModelReport, (row.version, CARD)) is None:
        session.add(ModelReport(version=row.version, name=CARD, content=card, size_bytes=len(card)))
    session.flush()
    if row.state != "approved":
        return Installed(row.version, is_new, published=False, desired=row.desired, notice=f"it is {row.state}")
    try:
        publishing.publish(session, row.version, keys)
    except (NoKeyError, KeyFileError, NoRepositoryError) as error:
        return Installed(row.version, is_new, published=False, desired=row.desired, notice=str(error))
    session.refresh(row)
    if session.exec(select(ModelVersion).where(col(ModelVersion.desired))).first() is None:
        desire_model(session, row.version)
    return Installed(row.version, is_new, published=True, desired=row.desired)
