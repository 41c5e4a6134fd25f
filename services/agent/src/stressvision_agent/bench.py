"""How fast this very board is: classifier, spool, and the whole loop where a recording is given."""

import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from stressvision_agent.camera import open_source
from stressvision_agent.clock import SystemClock
from stressvision_agent.drafts import WindowDraft
from stressvision_agent.pipeline import Pipeline
from stressvision_agent.settings import Settings
from stressvision_agent.spool import Spool
from stressvision_vision.classifier import Classifier
from stressvision_vision.faces import open_detector
from stressvision_vision.preprocess import Box, crop

FRAMES_PER_SECOND = 15.0
"""Below it a short closing of the eyes falls between two frames."""

LOOP_FRAMES = 300
RUNS, WARM_UP = 200, 20
APPENDS = 100


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement; `met` is None where there is no bar."""

    name: str
    figure: float
    unit: str
    bar: str = ""
    met: bool | None = None


def measure(settings: Settings, recording: str | None) -> Iterator[Figure]:
    """`recording` is a source such as `file:clip.avi`; frames are taken as fast as they come."""
    budget_ms = 1000 / FRAMES_PER_SECOND
    p50_ms, p95_ms = _classifier_ms(settings)
    yield Figure(name="classifier, median", figure=p50_ms, unit="ms")
    yield Figure(
        name="classifier, 95th percentile", figure=p95_ms, unit="ms", bar=f"≤ {budget_ms:.0f}", met=p95_ms <= budget_ms
    )
    yield Figure(name="event to disk, median", figure=_append_ms(settings), unit="ms")
    if recording is not None:
        rate = _loop_rate(settings, recording)
        met = rate >= FRAMES_PER_SECOND
        yield Figure(name="whole loop", figure=rate, unit="frames/s", bar=f"≥ {FRAMES_PER_SECOND:g}", met=met)


def _classifier_ms(settings: Settings) -> tuple[float, float]:
    vision = settings.vision
    classifier = Classifier(vision.model, num_threads=vision.threads, delegate=vision.delegate)
    frame = np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8)
    took = []
    for _ in range(WARM_UP + RUNS):
        begun = time.perf_counter()
        classifier.probabilities(crop(frame, Box(200, 120, 160, 160), classifier.manifest.input))
        took.append((time.perf_counter() - begun) * 1000)
    measured = sorted(took[WARM_UP:])
    return measured[RUNS // 2], measured[RUNS * 95 // 100]


def _append_ms(settings: Settings) -> float:
    """On the disk where the real spool lies, or will."""
    folder, clock = settings.device.state_dir, SystemClock()
    folder.mkdir(parents=True, exist_ok=True)
    took = []
    with tempfile.TemporaryDirectory(dir=folder, prefix="bench-") as scratch:
        spool = Spool(Path(scratch), settings.spool, clock)
        for _ in range(APPENDS):
            begun = time.perf_counter()
            spool.append(_window(clock.monotonic()))
            took.append((time.perf_counter() - begun) * 1000)
        spool.close()
    return sorted(took)[APPENDS // 2]


def _window(now_s: float) -> WindowDraft:
    return WindowDraft(
        started_s=max(now_s - 60, 0.0),
        ended_s=now_s,
        model_version="bench",
        frames=900,
        faces=800,
        coverage=0.9,
        seconds={"neutral": 50.0, "fatigue": 4.0},
        mean_probability={"neutral": 0.8, "fatigue": 0.1},
    )


def _loop_rate(settings: Settings, recording: str) -> float:
    camera, vision = settings.camera, settings.vision
    frames = partial(
        open_source,
        recording,
        width=camera.width,
        height=camera.height,
        fps=camera.frames_per_second,
        realtime=False,
        loop=True,
    )
    classifier = Classifier(vision.model, num_threads=vision.threads, delegate=vision.delegate)
    pipeline = Pipeline(frames, open_detector(vision.detector, strict=False), classifier, SystemClock(), lambda _: None)
    begun = time.perf_counter()
    seen = pipeline.run(max_frames=LOOP_FRAMES)
    return seen / (time.perf_counter() - begun)
