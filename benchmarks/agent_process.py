"""The agent's loop in a process of its own, on one core, measured from inside; prints one JSON object.

Only the agent is imported here, all of it, so that the memory seen is that of a device.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from stressvision_agent import app, cli
from stressvision_agent.camera import Frame, FrameSource, open_source
from stressvision_agent.camera.capture import Capture
from stressvision_agent.camera.recordings import VideoFile
from stressvision_agent.clock import SystemClock
from stressvision_agent.pipeline import Pipeline, PipelineSettings
from stressvision_agent.settings import SpoolSettings
from stressvision_agent.spool import Spool
from stressvision_vision.classifier import Classifier
from stressvision_vision.faces import open_detector
from stressvision_vision.preprocess import Box, crop

LOADED = (app, cli)
"""A device has them in memory too."""

SIZE = {"width": 640, "height": 480}
WARM, LAST = 2_000, 10_000
"""Frames after which memory is read: once everything has been used, and at the end."""


def main() -> None:
    measure, clip, model = sys.argv[1:4]
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    measures = {"classifier": classifier, "loop": loop, "memory": memory, "stall": stall}
    print(json.dumps(measures[measure](Path(clip), Path(model))))


def classifier(_: Path, model: Path) -> dict[str, float]:
    """Median time in ms to crop and classify a face of 160 pixels, after some to warm up."""
    loaded = Classifier(model)
    frame = np.random.default_rng(1).integers(0, 255, (480, 640), np.uint8)
    took = []
    for _ in range(550):
        begun = time.perf_counter()
        loaded.probabilities(crop(frame, Box(200, 120, 160, 160), loaded.manifest.input))
        took.append((time.perf_counter() - begun) * 1000)
    return {"p50_ms": sorted(took[50:])[250]}


def loop(clip: Path, model: Path) -> dict[str, float]:
    """Frames a second over the clip, by the wall clock and by the time the core really worked for us."""
    pipeline = build(model, partial(open_source, f"file:{clip}", **SIZE, fps=15, realtime=False))
    begun, begun_cpu = time.perf_counter(), time.process_time()
    frames = pipeline.run()
    took, took_cpu = time.perf_counter() - begun, time.process_time() - begun_cpu
    return {"frames": frames, "per_second": frames / took, "per_cpu_second": frames / took_cpu}


def memory(clip: Path, model: Path) -> dict[str, float]:
    """Resident memory in MB when warm, at the end and at its highest, drafts going into a real spool."""
    source = open_source(f"file:{clip}", **SIZE, fps=15, realtime=False, loop=True)
    counted = Counted(source)
    with tempfile.TemporaryDirectory() as folder:
        spool = Spool(Path(folder), SpoolSettings(), SystemClock())
        build(model, lambda: counted, spool.append).run(max_frames=LAST)
        spool.close()
    return {"warm": counted.warm_mb, "last": resident_mb("VmRSS"), "peak": resident_mb("VmHWM")}


def stall(clip: Path, model: Path) -> dict[str, float]:
    """Seconds from the last frame of a camera whose driver then hangs until the agent says so."""
    pipeline = build(model, lambda: Capture(partial(Hanging, clip), SystemClock()))
    stop = Event()
    thread = Thread(target=pipeline.run, args=(stop,))
    thread.start()
    hanging_s: float | None = None
    while pipeline.sight().state != "camera stalled":
        if hanging_s is None and Hanging.hung.is_set():
            hanging_s = time.monotonic()
        time.sleep(0.01)
    noticed_s = time.monotonic() - (hanging_s or time.monotonic())
    stop.set()
    thread.join()
    return {"noticed_s": noticed_s}


def build(
    model: Path, factory: Callable[[], FrameSource], record: Callable[[object], object] = lambda _: None
) -> Pipeline:
    settings = PipelineSettings(window_s=1.0)
    return Pipeline(factory, open_detector(), Classifier(model), SystemClock(), record, settings)


def resident_mb(field: str) -> float:
    """A size that the kernel keeps of this process (`VmRSS` now, `VmHWM` at its highest), in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))


class Counted:
    """A source that reads the memory once the process is warm."""

    def __init__(self, source: FrameSource) -> None:
        self._source = source
        self._frames = 0
        self.warm_mb = 0.0

    dropped = property(lambda self: self._source.dropped)
    finished = property(lambda self: self._source.finished)
    alive = property(lambda self: self._source.alive)

    def read(self, timeout_s: float) -> Frame | None:
        frame = self._source.read(timeout_s)
        self._frames += frame is not None
        if self._frames == WARM and not self.warm_mb:
            self.warm_mb = resident_mb("VmRSS")
        return frame

    def close(self, wait_s: float = 2.0) -> None:
        self._source.close(wait_s)


class Hanging(VideoFile):
    """Plays two seconds of a clip, then its driver never returns."""

    hung = Event()

    def __init__(self, clip: Path) -> None:
        super().__init__(clip, **SIZE, realtime=True, loop=False)
        self._left = 30

    def grab(self) -> NDArray[np.uint8] | None:
        self._left -= 1
        if self._left < 0:
            self.hung.set()
            Event().wait()
        return super().grab()


if __name__ == "__main__":
    main()
