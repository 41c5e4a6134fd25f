"""The models that devices may name: who registered and approved each, and the one that the fleet should run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from sqlalchemy import text
from sqlmodel import Session, col, select, update

from stressvision_contracts.manifest import Manifest
from stressvision_store.model_tables import ModelState, ModelVersion
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError

FACTORY: Final = "factory"
"""Who approved the model that comes with the platform: whoever installed it, by installing it."""

_LOCK = 0x53560005


def register_model(
    session: Session, manifest: Manifest, *, actor: str, state: ModelState = "candidate"
) -> tuple[ModelVersion, bool]:
    """The row, and whether it is new. A version means one file for ever: other content needs another version."""
    known = session.get(ModelVersion, manifest.version)
    content = msgspec.to_builtins(manifest)
    if known is None:
        row = ModelVersion(
            version=manifest.version, digest=manifest.digest, manifest=content, registered_by=actor, state=state
        )
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


def approve_model(session: Session, version: str, *, actor: str) -> ModelVersion:
    """Let a candidate be rolled out. Raise `ConflictError` for the one who registered it, and for any other state."""
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.state == "approved":
        return row
    if row.state != "candidate":
        raise ConflictError(f"model {version!r} is {row.state}; only a candidate can be approved")
    if row.registered_by == actor:
        raise ConflictError(f"{actor} registered model {version!r}; another person must approve it")
    row.state, row.approved_by, row.approved_at = "approved", actor, datetime.now(UTC)
    session.flush()
    return row


def desire_model(session: Session, version: str) -> ModelVersion:
    """Every device is told to run this one, and no other is desired any more."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})  # one at a time, or they deadlock
    row = one(session, ModelVersion, version, "model", lock=True)
    session.exec(update(ModelVersion).where(col(ModelVersion.version) != version).values(desired=False))
    row.desired = True
    session.flush()
    return row
