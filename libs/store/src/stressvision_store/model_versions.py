"""The models that devices may name: who registered and approved each, and the one that the fleet should run."""

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlmodel import Session, col, select, update

from stressvision_contracts.manifest import Manifest
from stressvision_store.locks import Lock, hold
from stressvision_store.model_files import find_file
from stressvision_store.model_gates import check_gates, person_of
from stressvision_store.model_tables import ModelState, ModelVersion
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError


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
    """Let a candidate be published. The second time changes nothing.

    Raise `ConflictError` for the one who registered it, for one whose file is missing or is another version's, or
    whose failed gates nobody has overridden, and for any state but candidate.
    """
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.state == "approved":
        return row
    if row.state != "candidate":
        raise ConflictError(f"model {version!r} is {row.state}; only a candidate can be approved")
    if row.registered_by is not None and person_of(row.registered_by) == person_of(actor):
        raise ConflictError(f"{person_of(actor)} registered model {version!r}; another person must approve it")
    if find_file(session, row.digest) is None:
        raise ConflictError(f"the file of model {version!r} is not here; `stressvision models register DIR` uploads it")
    refuse_known_file(session, row)
    check_gates(session, row)
    row.state, row.approved_by, row.approved_at = "approved", actor, datetime.now(UTC)
    session.flush()
    return row


def refuse_known_file(session: Session, row: ModelVersion) -> None:
    """Raise `ConflictError` when another approved version is the same file: a device tells models apart by it alone,
    and would go on with the other one's manifest.
    """
    same = select(ModelVersion).where(
        col(ModelVersion.digest) == row.digest,
        col(ModelVersion.version) != row.version,
        col(ModelVersion.approved_by).is_not(None),
    )
    if (other := session.exec(same).first()) is not None:
        raise ConflictError(
            f"model {row.version!r} is the very file of {other.version!r}, and devices know a model by its file; "
            "train or export it again"
        )


def reject_model(session: Session, version: str) -> ModelVersion:
    """Say that a candidate will not do. The second time changes nothing."""
    return _change_state(session, version, "rejected", since=("candidate",))


def retire_model(session: Session, version: str) -> ModelVersion:
    """Have a model never be used again; devices that still run it may go on naming it in events.

    Raise `ConflictError` for the one that the fleet should run; `rollouts.orders` knows those that a rollout needs.
    """
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.desired:
        raise ConflictError(f"the fleet should run model {version!r}; have it run another one first")
    return _change_state(session, version, "retired", since=("candidate", "approved", "rejected"))


def _change_state(session: Session, version: str, state: ModelState, *, since: tuple[ModelState, ...]) -> ModelVersion:
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.state != state:
        if row.state not in since:
            raise ConflictError(f"model {version!r} is {row.state}; it cannot become {state}")
        row.state = state
        session.flush()
    return row


def desire_model(session: Session, version: str) -> ModelVersion:
    """Every device is told to run this one, and no other is desired any more.

    Raise `ConflictError` when devices could not download it.
    """
    hold(session, Lock.DESIRED_MODEL)  # one at a time, or they deadlock
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.state != "approved" or row.published_at is None:
        how = "approved, but not signed yet" if row.state == "approved" else row.state
        raise ConflictError(f"model {version!r} is {how}; the fleet runs only approved and signed models")
    session.exec(update(ModelVersion).where(col(ModelVersion.version) != version).values(desired=False))
    row.desired = True
    session.flush()
    return row
