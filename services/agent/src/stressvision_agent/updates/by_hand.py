"""A model brought by hand: from a folder that holds an export of the signed repository, with or without a network."""

import os
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from stressvision_agent.client import RefusedError
from stressvision_agent.directives import Directives
from stressvision_agent.settings import Settings
from stressvision_agent.updates.assembly import offers_of, open_slots
from stressvision_agent.updates.download import TargetRefusedError
from stressvision_agent.updates.journal import Offer
from stressvision_agent.updates.obtaining import Obtaining
from stressvision_agent.updates.repository import Listed, RepositoryRefusedError
from stressvision_agent.updates.slots import Slots
from stressvision_agent.updates.sources import FolderSource, SourceUnavailableError
from stressvision_agent.updates.trial import ModelRefusedError
from stressvision_vision.classifier import ModelError, read_model

REFUSED = (SourceUnavailableError, RepositoryRefusedError, TargetRefusedError, ModelRefusedError, ModelError)


class NotTakenError(RefusedError):
    """No model was taken from the folder; the message says why and what to do."""


def take_from(settings: Settings, folder: Path, version: str | None, now: datetime) -> Offer:
    """Verify and try the model in `folder` and leave it for the agent, which uses it at once or when it starts.

    `version` says which of several. Raise `NotTakenError`, `OSError`.
    """
    slots = open_slots(settings)
    obtaining = Obtaining(settings, slots.shelf, slots.loading, FolderSource(folder), lambda: now)
    try:
        # held until the offer is made, or the agent might tidy away what nobody offers
        with slots.shelf.locked():
            found = _chosen(obtaining, folder, version, now)
            offer = Offer(version=found.version, digest=found.digest, mark=uuid4().hex)
            if found.digest != slots.factory_digest:
                obtaining.obtain(offer, lambda _: None)
            wishes = Directives(settings.directives_file, settings.off_switch).wishes
            offers_of(slots).make(offer, wishes.desired_model)
    except REFUSED as refusal:
        raise NotTakenError(f"nothing was taken from {folder}: {refusal}") from refusal
    finally:
        _give_to_owner(settings.device.state_dir)
    return offer


def _chosen(obtaining: Obtaining, folder: Path, version: str | None, now: datetime) -> Listed:
    repository = obtaining.repository()
    repository.trust()
    if version is not None:
        return repository.find(version, now)
    listed = [repository.find(name, now) for name in repository.versions(now)]
    here = [one for one in listed if (folder / "targets" / one.file).is_file()]
    if len(here) != 1:
        names = ", ".join(one.version for one in here) or "none"
        raise NotTakenError(f"{folder} holds these models: {names}; say which by --version")
    return here[0]


def _give_to_owner(state_dir: Path) -> None:
    """What root put there must be the agent's."""
    if os.geteuid() != 0:
        return
    owner = state_dir.stat()
    for path in (state_dir / "trusted_root.json", state_dir / "models", *(state_dir / "models").rglob("*")):
        if path.exists() or path.is_symlink():
            os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def status(settings: Settings) -> dict[str, Any]:
    """Return the models of this device, as they lie on disk, and how far it is with the last it was offered."""
    slots = open_slots(settings)
    journal, wished = slots.journal, Directives(settings.directives_file, settings.off_switch).wishes.desired_model
    offered = journal.offer.version if journal.offer else None
    local = offers_of(slots).look(wished)
    return {
        "current": _version_of(slots, slots.shelf.named("current")),
        "good": _version_of(slots, slots.shelf.named("good")),
        "factory": _version_of(slots, None),
        "offered": offered,
        "state": journal.state,
        "reason": journal.reason,
        "wanted": local.version if local else None,
        "kept": slots.shelf.digests(),
        "trusted_root": settings.trusted_root_file.exists(),
    }


def _version_of(slots: Slots, digest: str | None) -> str | None:
    try:
        return read_model(slots.loading.factory if digest is None else slots.shelf.path(digest))[1].version
    except ModelError as error:
        return f"broken: {error}"
