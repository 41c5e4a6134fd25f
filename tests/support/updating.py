"""A device that takes models from a small server over real HTTP; faces are shown to it by hand."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from prometheus_client import REGISTRY

from stressvision_agent.client import Signs
from stressvision_agent.clock import SystemClock
from stressvision_agent.directives import Directives
from stressvision_agent.doctor import Forgotten
from stressvision_agent.identity import Enrolled, Identity
from stressvision_agent.settings import (
    DeviceSettings,
    ServerSettings,
    Settings,
    SpoolSettings,
    UpdatesSettings,
    VisionSettings,
)
from stressvision_agent.timeline import Timeline
from stressvision_agent.updates.assembly import open_slots, open_updater
from stressvision_agent.updates.slots import Slots
from stressvision_agent.updates.updater import ModelUpdater
from stressvision_contracts.fleet import DesiredModel, HeartbeatReply
from stressvision_contracts.manifest import Manifest
from stressvision_vision.crops import drawn_crops
from support.models import SHIPPED, SmallRepository
from support.small_server import SmallServer, small_server

FACES = 8


def settings_of(state_dir: Path, url: str, **updates: Any) -> Settings:
    """Eight faces prove a model, and waits are short."""
    quick: dict[str, Any] = {
        "good_frames": FACES,
        "backoff_first_s": 0.01,
        "backoff_last_s": 0.02,
        "latency_p95_s": 0.5,
    }
    return Settings(
        server=ServerSettings(url=url, connect_timeout_s=2.0, read_timeout_s=5.0),
        device=DeviceSettings(state_dir=state_dir),
        vision=VisionSettings(model=SHIPPED),
        spool=SpoolSettings(min_free_bytes=0),
        updates=UpdatesSettings(**{**quick, **updates}),
    )


def counted(reason: str) -> float:
    return REGISTRY.get_sample_value("stressvision_agent_update_failures_total", {"reason": reason}) or 0.0


@dataclass
class Device:
    """One run of the updating side; `in_use` is what the seeing side would look with."""

    settings: Settings
    updater: ModelUpdater
    slots: Slots
    directives: Directives
    in_use: Any = None
    used: list[str] = field(default_factory=list)

    def adopt(self, classifier: Any) -> None:
        self.in_use = classifier
        self.used.append(classifier.manifest.version)

    def wish(self, model: DesiredModel | None) -> None:
        """What a heartbeat brings."""
        now = SystemClock().now()
        self.directives.obey(HeartbeatReply(server_time=now, site_profile="safety", desired_model=model))

    def turn(self, turns: int = 1) -> "Device":
        for _ in range(turns):
            self.updater._not_before_s = 0.0
            self.updater.turn()
        return self

    def see(self, faces: int = FACES) -> "Device":
        """Show drawn faces to the model in use, and let the verdict be looked at."""
        crops = drawn_crops(self.in_use.manifest.input)
        for index in range(faces):
            self.in_use.probabilities(crops[index * 7 % len(crops)])
        return self.turn()

    @property
    def state(self) -> str | None:
        report = self.updater.report()
        return report.state if report else None

    @property
    def reason(self) -> str:
        report = self.updater.report()
        return (report.reason if report else None) or ""


@contextmanager
def device_of(settings: Settings, identity: Signs | None = None) -> Iterator[Device]:
    """Start it: what was kept is looked at, and the model to begin with is loaded."""
    identity = identity or Identity(Ed25519PrivateKey.generate(), Enrolled(device_id=7, server=settings.server.url))
    settings.device.state_dir.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    with ExitStack() as resources:
        directives = Directives(settings.directives_file, settings.off_switch)
        timeline = Timeline(clock, Forgotten())
        updater = open_updater(settings, identity, timeline, clock, directives, lambda: None, resources)
        device = Device(settings, updater, updater._slots, directives)
        updater._in_use.adopt = device.adopt
        device.adopt(updater.first_model())
        yield device


@contextmanager
def repository_server() -> Iterator[tuple[SmallServer, SmallRepository]]:
    with small_server() as small:
        repository = SmallRepository(files=small.files)
        yield small, repository


def changed(settings: Settings, **updates: Any) -> Settings:
    return replace(settings, updates=replace(settings.updates, **updates))


def black(device: Device) -> np.ndarray:
    spec = device.in_use.manifest.input
    return np.zeros((spec.height, spec.width), np.uint8)


class Failing:
    """A model that fails whatever it is shown."""

    def __init__(self, manifest: Manifest, error: Exception) -> None:
        self.manifest, self.error = manifest, error

    def probabilities(self, face: object) -> Any:
        raise self.error


class Saying:
    """A model that says the same of every face."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest

    def probabilities(self, face: object) -> Any:
        return np.full(5, 0.2, np.float32)


class Stopwatch:
    """Each look at it is `step_s` later than the last."""

    def __init__(self, step_s: float) -> None:
        self.step_s, self.at_s = step_s, 0.0

    def __call__(self) -> float:
        self.at_s += self.step_s
        return self.at_s


__all__ = ["FACES", "Device", "black", "changed", "counted", "device_of", "open_slots", "repository_server"]
