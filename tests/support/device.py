"""What tests of the sending side need: a clock to turn, drafts to spool, and the side itself as the agent wires it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stressvision_agent.client import DeviceClient, Signs, open_http
from stressvision_agent.drafts import EpisodeDraft, GapDraft, WindowDraft
from stressvision_agent.identity import Enrolled, Identity
from stressvision_agent.settings import ServerSettings, SpoolSettings, UploadSettings
from stressvision_agent.spool import Spool
from stressvision_agent.timeline import Timeline
from stressvision_agent.uploader import Uploader

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class TurnedClock:
    """A device whose wall clock is wrong by `offset`, `uptime_s` after boot; the truth is `true_now()`."""

    uptime_s: float = 1_000.0
    boot: str = field(default_factory=lambda: str(uuid4()))
    booted_at: datetime = NOON
    offset: timedelta = timedelta(0)

    def monotonic(self) -> float:
        return self.uptime_s

    def now(self) -> datetime:
        return self.true_now() + self.offset

    def boot_id(self) -> str:
        return self.boot

    def true_now(self) -> datetime:
        return self.booted_at + timedelta(seconds=self.uptime_s)

    def advance(self, seconds: float) -> None:
        self.uptime_s += seconds

    def reboot(self, *, off_s: float = 60.0, offset: timedelta | None = None) -> None:
        """Down for `off_s`, then a new boot; with `offset` the wall clock comes back that wrong."""
        self.booted_at = self.true_now() + timedelta(seconds=off_s)
        self.uptime_s, self.boot = 5.0, str(uuid4())
        self.offset = self.offset if offset is None else offset


def window(ended_s: float, length_s: float = 60.0, **changes: Any) -> WindowDraft:
    values: dict[str, Any] = {
        "started_s": max(ended_s - length_s, 0.0),
        "ended_s": ended_s,
        "model_version": "none-1",
        "frames": 600,
        "faces": 500,
        "coverage": 0.83,
        "seconds": {"neutral": 40.0, "fatigue": 9.5},
        "mean_probability": {"neutral": 0.7, "fatigue": 0.3},
    }
    return WindowDraft(**{**values, **changes})


def episode(ended_s: float, **changes: Any) -> EpisodeDraft:
    values: dict[str, Any] = {
        "started_s": max(ended_s - 30.0, 0.0),
        "ended_s": ended_s,
        "model_version": "none-1",
        "episode_id": uuid4(),
        "phase": "open",
        "condition": "fatigue",
        "peak": 0.9,
        "mean": 0.7,
        "coverage": 0.8,
    }
    return EpisodeDraft(**{**values, **changes})


def gap(ended_s: float, **changes: Any) -> GapDraft:
    values: dict[str, Any] = {
        "started_s": max(ended_s - 5.0, 0.0),
        "ended_s": ended_s,
        "model_version": "none",
        "reason": "camera",
    }
    return GapDraft(**{**values, **changes})


@dataclass
class SendingSide:
    """The sending side of one device, wired as the agent wires it, against `small`."""

    clock: TurnedClock
    spool: Spool
    timeline: Timeline
    client: DeviceClient
    uploader: Uploader

    def drain(self, steps: int = 200) -> None:
        """Step until nothing waits; waits are skipped by turning the clock."""
        for _ in range(steps):
            if not self.spool.status().events:
                return
            self.clock.advance(self.uploader.step() + 0.001)
        raise AssertionError(f"{self.spool.status().events} events still wait after {steps} steps")


@contextmanager
def sending_side(
    folder: Path, url: str, clock: TurnedClock, *, identity: Signs | None = None, **upload: Any
) -> Iterator[SendingSide]:
    """`upload` changes settings of the uploader."""
    identity = identity or Identity(Ed25519PrivateKey.generate(), Enrolled(device_id=7, server=url))
    server = ServerSettings(url=url, connect_timeout_s=2.0, read_timeout_s=2.0)
    settings = UploadSettings(**{"backlog_per_s": 1e6, **upload})
    with closing(Spool(folder, SpoolSettings(min_free_bytes=0), clock)) as spool, open_http(server) as http:
        timeline = Timeline(clock, spool, synchronised=lambda: False)
        client = DeviceClient(http, identity, timeline, clock, compression=settings.compression)
        yield SendingSide(clock, spool, timeline, client, Uploader(spool, client, timeline, clock, settings))
