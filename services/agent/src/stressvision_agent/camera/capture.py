"""A thread that takes frames from a camera, so that a call which never returns cannot hold up the pipeline."""

import logging
from collections.abc import Callable
from threading import Condition, Thread
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from stressvision_agent import vision_metrics as metrics
from stressvision_agent.camera.frames import Camera, CameraError, Frame, SourceError
from stressvision_agent.clock import Clock

log = logging.getLogger(__name__)

FROZEN_S: Final = 4.0
"""No two pictures of a living camera are the same to the last bit: one that is repeated for so long hangs in it."""

MIN_CONTRAST: Final = 4.0
"""Standard deviation of the grey levels; in the dark, pictures may well be the same."""


class Capture:
    """A `FrameSource` over a `Camera` that the thread opens, reads and closes.

    With `keep="newest"`, as for a live camera, a frame that was not read in time makes way for the next and is counted
    as dropped, and a picture that never changes is a failure; with `keep="all"` the thread waits until a frame is read
    before it takes another.
    """

    def __init__(
        self, open_camera: Callable[[], Camera], clock: Clock, keep: Literal["newest", "all"] = "newest"
    ) -> None:
        self._open_camera = open_camera
        self._clock = clock
        self._keep = keep
        self._changed = Condition()
        self._frame: Frame | None = None
        self._error: Exception | None = None
        self._over = False
        self._closing = False
        self._dropped = 0
        self._count = 0
        self._changing: NDArray[np.uint8] | None = None
        self._changed_s = 0.0
        self._thread = Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        return self._dropped

    @property
    def finished(self) -> bool:
        with self._changed:
            return self._over and self._frame is None and self._error is None

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def read(self, timeout_s: float) -> Frame | None:
        with self._changed:
            self._changed.wait_for(lambda: self._frame is not None or self._over, timeout_s)
            frame, self._frame = self._frame, None
            if frame is None and self._error is not None:
                raise self._error
            self._changed.notify_all()
            return frame

    def close(self, wait_s: float = 2.0) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(wait_s)

    def _run(self) -> None:
        error: Exception | None = None
        try:
            self._capture()
        except (CameraError, SourceError) as failure:
            error = failure
        except Exception as failure:  # drivers raise anything; the reader must learn of it
            log.warning("the camera failed", exc_info=failure)
            error = CameraError(f"the camera failed: {type(failure).__name__}: {failure}")
        with self._changed:
            self._error, self._over = error, True
            self._changed.notify_all()

    def _capture(self) -> None:
        camera = self._open_camera()
        try:
            due = self._clock.monotonic()
            while not self._closing and (grey := camera.grab()) is not None:
                if camera.interval_s is not None:
                    self._pause(due - self._clock.monotonic())
                    # a late frame shifts the ones after it: no burst to catch up
                    due = max(due, self._clock.monotonic() - camera.interval_s) + camera.interval_s
                if self._keep == "newest":
                    self._check_life(grey)
                self._offer(Frame(grey, self._clock.monotonic(), self._count))
                self._count += 1
        finally:
            camera.close()

    def _check_life(self, grey: NDArray[np.uint8]) -> None:
        now = self._clock.monotonic()
        if self._changing is None or not np.array_equal(self._changing, grey) or float(grey.std()) < MIN_CONTRAST:
            self._changing, self._changed_s = grey, now
        elif now - self._changed_s > FROZEN_S:
            raise CameraError(f"the camera gives one and the same picture for {FROZEN_S:g} s")

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, max(seconds, 0.0))

    def _offer(self, frame: Frame) -> None:
        with self._changed:
            if self._keep == "all":
                self._changed.wait_for(lambda: self._frame is None or self._closing)
            elif self._frame is not None:
                self._dropped += 1
                metrics.FRAMES_DROPPED.labels(reason="newer").inc()
            self._frame = frame
            self._changed.notify_all()
