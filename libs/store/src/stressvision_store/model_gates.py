"""Which gates a model failed, as its own manifest says, and who lets it pass nonetheless."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlmodel import Session, col, select

from stressvision_store.model_tables import ModelOverride, ModelVersion
from stressvision_store.paging import one
from stressvision_store.refusals import ConflictError

MAX_SIZE_BYTES: Final = 10_000_000
"""The client's bound on a model file (10 MB)."""

OVERRIDES_NEEDED: Final = 2
UNNAMED: Final = frozenset({"bootstrap admin"})
"""Whoever holds the token of the installation: nobody in particular."""

_TOKEN: Final = re.compile(r" \(token \d+\)$")


def person_of(actor: str) -> str:
    """Whose token it is: two tokens of one name are one person."""
    return _TOKEN.sub("", actor)


def unmet_gates(manifest: Mapping[str, Any]) -> list[str]:
    """What the manifest admits, in words: `scores.unmet_gates` lists names, `scores.gates` may say `met` of each."""
    scores = manifest.get("scores") or {}
    unmet = [str(name) for name in scores.get("unmet_gates") or []]
    for name, gate in (scores.get("gates") or {}).items():
        if isinstance(gate, Mapping) and gate.get("met") is False and name not in unmet:
            unmet.append(f"{name}: {gate.get('figure')} where {gate.get('bar')} is asked")
    if (size := manifest.get("size_bytes") or 0) > MAX_SIZE_BYTES:
        unmet.append(f"size in bytes: {size} where <= {MAX_SIZE_BYTES} is asked")
    return unmet


def untried_gates(manifest: Mapping[str, Any]) -> list[str]:
    """What there were too few faces to try on; it stands in nobody's way, and whoever approves should know."""
    return [str(name) for name in (manifest.get("scores") or {}).get("untried_gates") or []]


def override(session: Session, version: str, *, actor: str, reason: str) -> list[str]:
    """Let a candidate pass although gates failed; return who has done so. Saying it twice changes nothing."""
    row = one(session, ModelVersion, version, "model", lock=True)
    if row.state != "candidate":
        raise ConflictError(f"model {version!r} is {row.state}; only a candidate's gates are overridden")
    if not unmet_gates(row.manifest):
        raise ConflictError(f"model {version!r} failed no gate")
    if actor in UNNAMED:
        raise ConflictError(f"{actor} is nobody in particular; use a token of your own (`stressvision tokens create`)")
    if row.registered_by is not None and person_of(row.registered_by) == person_of(actor):
        raise ConflictError(f"{person_of(actor)} registered model {version!r}; others must judge it")
    known = [person_of(each.actor) for each in list_overrides(session, version)]
    if person_of(actor) not in known:
        session.add(ModelOverride(version=version, actor=actor, reason=reason))
        session.flush()
        known.append(person_of(actor))
    return known


def list_overrides(session: Session, version: str) -> Sequence[ModelOverride]:
    """Oldest first."""
    statement = select(ModelOverride).where(col(ModelOverride.version) == version)
    return session.exec(statement.order_by(col(ModelOverride.at))).all()


def check_gates(session: Session, row: ModelVersion) -> None:
    """Raise `ConflictError` when gates failed and too few people have let the model pass."""
    unmet = unmet_gates(row.manifest)
    if not unmet:
        return
    people = [person_of(each.actor) for each in list_overrides(session, row.version)]
    if len(people) < OVERRIDES_NEEDED:
        so_far = f"so far: {', '.join(people)}" if people else "nobody has yet"
        raise ConflictError(
            f"model {row.version!r} failed gates ({'; '.join(unmet)}); {OVERRIDES_NEEDED} named people must override "
            f"them, each with a reason ({so_far}): `stressvision models override {row.version} --reason …`"
        )
