"""The models that devices may name, each with its manifest, and the one that the fleet should run."""

from collections.abc import Sequence

import msgspec
from sqlalchemy import text
from sqlmodel import Session, col, select, update

from stressvision_contracts.manifest import Manifest
from stressvision_store.model_tables import ModelVersion
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError

_LOCK = 0x53560005


def register_model(session: Session, manifest: Manifest) -> tuple[ModelVersion, bool]:
    """The row, and whether it is new. A version means one file for ever: other content needs another version."""
    known = session.get(ModelVersion, manifest.version)
    content = msgspec.to_builtins(manifest)
    if known is None:
        row = ModelVersion(version=manifest.version, digest=manifest.digest, manifest=content)
        session.add(row)
        session.flush()
        session.refresh(row)
        return row, True
    if known.digest != manifest.digest or known.manifest != content:
        raise ConflictError(
            f"version {manifest.version!r} is registered with another manifest (digest {known.digest}); "
            "give this model another version",
            field="version",
        )
    return known, False


def get_model(session: Session, version: str) -> ModelVersion:
    return one(session, ModelVersion, version, "model")


def list_models(session: Session, *, after: str | None, limit: int) -> Sequence[ModelVersion]:
    return take(session, select(ModelVersion), key=col(ModelVersion.version), after=after, limit=limit)


def desire_model(session: Session, version: str) -> ModelVersion:
    """Every device is told to run this one, and no other is desired any more."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})  # one at a time, or they deadlock
    row = one(session, ModelVersion, version, "model", lock=True)
    session.exec(update(ModelVersion).where(col(ModelVersion.version) != version).values(desired=False))
    row.desired = True
    session.flush()
    return row
