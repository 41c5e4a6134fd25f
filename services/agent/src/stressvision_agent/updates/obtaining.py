"""From an offer to a model on the shelf that has been verified and tried; nothing is in use yet."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from stressvision_agent.heartbeat import AGENT_VERSION
from stressvision_agent.settings import Settings
from stressvision_agent.updates.download import TargetRefusedError, fetch
from stressvision_agent.updates.journal import Offer
from stressvision_agent.updates.repository import Repository
from stressvision_agent.updates.shelf import Shelf
from stressvision_agent.updates.slots import Loading
from stressvision_agent.updates.sources import ModelSource
from stressvision_agent.updates.trial import Bar, ModelRefusedError, check_manifest, try_model
from stressvision_contracts.fleet import UpdateState
from stressvision_contracts.manifest import Manifest

SEEN = "metadata"
"""Folder among the models where python-tuf keeps what this device has seen of the repository."""


@dataclass(frozen=True, slots=True)
class Obtaining:
    """`now` tells the time by which signatures are judged."""

    settings: Settings
    shelf: Shelf
    loading: Loading
    source: ModelSource
    now: Callable[[], datetime]

    def repository(self) -> Repository:
        return Repository(self.source, self.settings.trusted_root_file, self.shelf.folder / SEEN)

    def obtain(self, offer: Offer, told: Callable[[UpdateState], None]) -> None:
        """Fetch, verify and try `offer`; `told` hears of each state reached.

        Raise `SourceUnavailableError`, `RepositoryRefusedError`, `TargetRefusedError`, `ModelRefusedError`, `OSError`.
        """
        with self.shelf.locked():
            manifest = self.shelf.kept(offer.digest) or self._fetched(offer)
        check_manifest(manifest, AGENT_VERSION)
        told("downloaded")
        try_model(self.shelf.path(offer.digest), self.loading, self._bar())
        told("verified")

    def _fetched(self, offer: Offer) -> Manifest:
        repository = self.repository()
        repository.trust()
        listed = repository.find(offer.version, self.now())
        if listed.digest != offer.digest:
            raise TargetRefusedError(
                f"the signed file of {offer.version} is {listed.digest[:12]}…, offered was {offer.digest[:12]}…"
            )
        most = self.settings.updates.max_bytes
        if listed.length > most:
            raise ModelRefusedError(f"it has {listed.length} bytes, more than the {most} that this device takes")
        check_manifest(listed.manifest, AGENT_VERSION)
        part = self.shelf.part(listed.digest)
        fetch(self.source, listed, part, min_free_bytes=self.settings.spool.min_free_bytes)
        self.shelf.put(listed.digest, listed.manifest.file, listed.manifest_json, part)
        return listed.manifest

    def _bar(self) -> Bar:
        updates = self.settings.updates
        return Bar(latency_s=updates.latency_p95_s, timeout_s=updates.selftest_timeout_s)
