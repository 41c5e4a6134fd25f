"""Devices that speak and fetch models over real HTTP, and only pretend to run them: many, that may vanish."""

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from stressvision_ingest.settings import Settings
from support.downloading import Fetching
from support.intake import Device, IntakeProcess
from support.servers import wait_until

WAY = ("downloaded", "verified", "installed", "confirmed")


class LoggedIntake(IntakeProcess):
    """An intake that may be killed and restarted at will; what it logs goes to a file."""

    def __init__(self, settings: Settings, log: Path) -> None:
        super().__init__(settings)
        self._log = log

    def start(self) -> None:
        command = [sys.executable, "-c", "from stressvision_ingest.app import main; main()"]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log)
        wait_until(self._ready, "readiness of the intake's process")

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)


@dataclass
class Simulated:
    """`runs` is the digest that it has really loaded; what it says follows from it. `p95_s` by digest.

    `refuses`: digests that it rejects. `seen` are the digests that it was ever told. `fetching`: how it really fetches
    a model; without, it says that it has.
    """

    device: Device
    runs: str
    version: str
    refuses: frozenset[str] = frozenset()
    slow: frozenset[str] = frozenset()
    vanished: bool = False
    offer: dict[str, str] | None = None
    place: int = -1
    said: dict[str, Any] | None = None
    seen: list[str] = field(default_factory=list)
    failures: int = 0
    fetching: Fetching | None = None

    def beat(self) -> None:
        """One heartbeat; the answer is followed before the next, one step of the way a time."""
        said: dict[str, Any] = {"model_version": self.version, "model_digest": self.runs}
        said["inference_p95_s"] = 0.2 if self.runs in self.slow else 0.02
        if self.said is not None:
            said["update"] = self.said
        try:
            answer = self.device.beat(**said)
            if answer.status_code == 401:
                self.device.ask_token()
            answer.raise_for_status()
        except httpx.HTTPError:
            self.failures += 1
            return
        self._follow(answer.json()["desired_model"])

    def _follow(self, wanted: dict[str, str] | None) -> None:
        if wanted is None:
            return
        if wanted != self.offer:
            self.offer, self.place = wanted, -1
            self.said = None
            self.seen.append(wanted["digest"])
        if wanted["digest"] in self.refuses:
            self.said = {"version": wanted["version"], "state": "rejected", "reason": "no signature"}
        elif self.place < len(WAY) - 1:
            if self.place < 0 and self.fetching is not None and not self.fetching.is_here(wanted):
                return
            known = wanted["digest"] == self.runs and self.place < 0
            self.place = len(WAY) - 1 if known else self.place + 1
            if WAY[self.place] in ("installed", "confirmed"):
                self.runs, self.version = wanted["digest"], wanted["version"]
            self.said = {"version": wanted["version"], "state": WAY[self.place]}


class Herd:
    """Beats every device once in `every_s`, from a few threads, until it is closed."""

    def __init__(self, members: list[Simulated], *, every_s: float, threads: int = 4) -> None:
        self.members = members
        self._every_s = every_s
        self._threads = threads
        self._over = threading.Event()

    @contextmanager
    def beating(self) -> Iterator["Herd"]:
        with ThreadPoolExecutor(self._threads) as pool:
            work = [pool.submit(self._beat, number) for number in range(self._threads)]
            try:
                yield self
            finally:
                self._over.set()
                for each in work:
                    each.result(60)

    def _beat(self, number: int) -> None:
        chance = random.Random(number)
        while not self._over.is_set():
            began = time.monotonic()
            mine = self.members[number :: self._threads]
            chance.shuffle(mine)
            for member in mine:
                if self._over.is_set():
                    return
                if not member.vanished:
                    member.beat()
            self._over.wait(max(0.0, self._every_s - (time.monotonic() - began)))

    def select(self, keep: Callable[[Simulated], bool]) -> list[Simulated]:
        return [member for member in self.members if keep(member)]
