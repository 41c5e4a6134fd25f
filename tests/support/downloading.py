"""The agent's own code as many devices fetch models with it: signatures are checked, and what was cut off goes on."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx

from stressvision_agent.client import DeviceClient
from stressvision_agent.clock import SystemClock
from stressvision_agent.doctor import Forgotten
from stressvision_agent.timeline import Timeline
from stressvision_agent.updates.assembly import BorrowedTime
from stressvision_agent.updates.download import fetch
from stressvision_agent.updates.repository import Repository
from stressvision_agent.updates.sources import ServerSource, SourceUnavailableError
from support.intake import Device


@dataclass(frozen=True, slots=True)
class SpokenFor:
    """The identity of a device whose key the test holds."""

    device: Device

    def assertion(self, now: datetime) -> str:
        return self.device.assertion()

    def refresh(self) -> None:
        pass


@dataclass
class Fetching:
    """One device's way to models over `http`, which trusts `root`; `here` are the digests that it has whole."""

    device: Device
    http: httpx.Client
    folder: Path
    pool: ThreadPoolExecutor
    root: bytes
    here: set[str]
    waits: int = 0
    _coming: "Future[None] | None" = field(default=None, repr=False)

    def is_here(self, wanted: Mapping[str, str]) -> bool:
        """Whether the model is fetched and verified; begins or repeats that where it is not.

        Raise what says that it is not to be trusted.
        """
        if wanted["digest"] not in self.here and self._coming is None:
            self._coming = self.pool.submit(self._fetch, wanted["version"], wanted["digest"])
        if self._coming is not None and self._coming.done():
            coming, self._coming = self._coming, None
            try:
                coming.result()
            except SourceUnavailableError:
                self.waits += 1
        return wanted["digest"] in self.here

    def _fetch(self, version: str, digest: str) -> None:
        clock = SystemClock()
        time = BorrowedTime(Timeline(clock, Forgotten()))
        source = ServerSource(DeviceClient(self.http, SpokenFor(self.device), time, clock))
        root = self.folder / "trusted_root.json"
        self.folder.mkdir(exist_ok=True)
        root.write_bytes(self.root)
        repository = Repository(source, root, self.folder / "metadata")
        listed = repository.find(version, time.now())
        assert listed.digest == digest
        part = fetch(source, listed, self.folder / f"{digest}.part", min_free_bytes=0)
        part.unlink()
        self.here.add(digest)
