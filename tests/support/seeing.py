"""Doubles for what lies outside the seeing side: a clock, a scripted camera, a model that says what it is told."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from stressvision_agent.camera import CameraError, Frame
from stressvision_contracts.labels import COMPANY5
from stressvision_contracts.manifest import EpisodeThresholds, InputSpec, Manifest
from stressvision_vision.preprocess import Box

THRESHOLDS = EpisodeThresholds(
    on=0.6, off=0.4, enter_share=0.5, leave_share=0.25, window_s=60, min_s=30, leave_s=20, merge_s=10, cooldown_s=300
)


def make_manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "version": "double-1",
        "file": "model.tflite",
        "digest": "0" * 64,
        "size_bytes": 1,
        "label_scheme": "company5",
        "labels": list(COMPANY5),
        "input": InputSpec(height=48, width=48, channels=1, margin=0.1),
        "episodes": {"stress": THRESHOLDS, "fatigue": THRESHOLDS},
    }
    return Manifest(**{**values, **changes})


@dataclass
class TurnedClock:
    """Time moves when it is told to; waiting on `stop_after` moves it too."""

    at_s: float = 1000.0

    def monotonic(self) -> float:
        return self.at_s

    def now(self) -> datetime:
        return datetime(2026, 3, 2, tzinfo=UTC) + timedelta(seconds=self.at_s)

    def boot_id(self) -> str:
        return "00000000-0000-4000-8000-000000000000"


@dataclass
class StopAt:
    """Stands for `threading.Event`: waiting turns the clock, and at `until_s` it is set."""

    clock: TurnedClock
    until_s: float = float("inf")

    def is_set(self) -> bool:
        return self.clock.at_s >= self.until_s

    def wait(self, timeout: float) -> bool:
        self.clock.at_s += timeout
        return self.is_set()


Step = NDArray[np.uint8] | float | CameraError | None
"""A frame, seconds of silence, an error, or None for the end."""


@dataclass
class ScriptedSource:
    """A camera that does what `steps` say, a frame each `interval_s` of the turned clock."""

    clock: TurnedClock
    steps: Iterator[Step]
    interval_s: float = 0.1
    dropped: int = 0
    finished: bool = False
    alive: bool = False
    closed: bool = False
    _silent_until_s: float = 0.0
    _count: int = field(default=0)

    def read(self, timeout_s: float) -> Frame | None:
        if self.clock.at_s < self._silent_until_s:
            self.clock.at_s += min(timeout_s, self._silent_until_s - self.clock.at_s)
            return None
        step = next(self.steps, None)
        if step is None:
            self.finished = True
            return None
        if isinstance(step, CameraError):
            raise step
        if isinstance(step, float):
            self._silent_until_s = self.clock.at_s + step
            return None
        self.clock.at_s += self.interval_s
        self._count += 1
        return Frame(step, self.clock.at_s, self._count - 1)

    def close(self, wait_s: float = 2.0) -> None:
        self.closed = True


def script(clock: TurnedClock, steps: Iterable[Step], interval_s: float = 0.1) -> Callable[[], ScriptedSource]:
    """A source factory whose sources, one after the other, go on with the same steps."""
    rest = iter(steps)
    return lambda: ScriptedSource(clock, rest, interval_s)


@dataclass
class SeenFace:
    """A detector that finds `box` in every frame that is not black."""

    box: Box = field(default_factory=lambda: Box(200, 100, 160, 160))

    def detect(self, grey: NDArray[np.uint8]) -> list[Box]:
        return [self.box] if grey.any() else []

    def near(self, grey: NDArray[np.uint8], box: Box) -> list[Box]:
        return self.detect(grey)


@dataclass
class ToldClassifier:
    """A model that gives `values`, one for each label of company5."""

    values: tuple[float, ...] = (0.9, 0.025, 0.025, 0.025, 0.025)
    manifest: Manifest = field(default_factory=make_manifest)

    def probabilities(self, face: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert face.shape == (48, 48)
        return np.array(self.values, np.float32)


def texture(seed: int = 1) -> NDArray[np.uint8]:
    """A sharp 480 x 640 frame in which a template is found again."""
    coarse = np.random.default_rng(seed).integers(0, 255, (60, 80), np.uint8)
    return np.kron(coarse, np.ones((8, 8), np.uint8))


BLACK = np.zeros((480, 640), np.uint8)
