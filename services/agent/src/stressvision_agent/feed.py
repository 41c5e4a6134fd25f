"""Frames from a source that is opened again whenever it fails or falls silent."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from stressvision_agent import vision_metrics as metrics
from stressvision_agent.camera.frames import CameraError, Frame, FrameSource
from stressvision_agent.clock import Clock

log = logging.getLogger(__name__)

MAX_LEFT_BEHIND: Final = 3
"""Capture threads hanging in a driver above which no more are begun: only a new process can help then."""

MAX_PAUSE_S: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSettings:
    """Seconds. A source is stalled after `stall_s` without a frame, at its opening after `opening_s`."""

    stall_s: float = 4.0
    opening_s: float = 10.0
    restarts_a_minute: int = 5
    restart_pause_s: float = 1.0


class Feed:
    """Belongs to one thread. `wait` sleeps that many seconds, less when the agent is to stop."""

    def __init__(
        self, factory: Callable[[], FrameSource], clock: Clock, settings: FeedSettings, wait: Callable[[float], object]
    ) -> None:
        self._factory = factory
        self._clock = clock
        self._settings = settings
        self._wait = wait
        self._source: FrameSource | None = None
        self._left_behind: list[FrameSource] = []
        self._openings: deque[float] = deque(maxlen=settings.restarts_a_minute)
        self._failures = 0
        self._next_opening_s = 0.0
        self._heard_s = 0.0
        self._patience_s = settings.opening_s
        self.stalled = False

    @property
    def finished(self) -> bool:
        return self._source is not None and self._source.finished

    @property
    def is_stuck(self) -> bool:
        """Whether so many captures hang in a driver that only a new process can help."""
        self._left_behind = [source for source in self._left_behind if source.alive]
        metrics.CAPTURE_THREADS_LEFT.set(len(self._left_behind))
        return len(self._left_behind) >= MAX_LEFT_BEHIND

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame or None. `stalled` says whether the source is at fault; `SourceError` is fatal."""
        try:
            source = self._source or self._open()
            if source is None:
                self._wait(timeout_s)
                return None
            frame = source.read(min(timeout_s, self._patience_left_s()))
        except CameraError as error:
            self._fail(str(error))
            return None
        now = self._clock.monotonic()
        if frame is not None:
            self._hear(now)
        elif self._patience_left_s() <= 0 and not source.finished:
            self._fail(f"no frame for {now - self._heard_s:.1f} s")
        return frame

    def close(self) -> None:
        """Give the camera back and forget its troubles, until the next `read`."""
        self._drop()
        self._openings.clear()
        self.stalled = False
        self._failures = 0
        self._next_opening_s = 0.0

    def _open(self) -> FrameSource | None:
        now = self._clock.monotonic()
        if now < self._next_opening_s or self.is_stuck:
            return None
        if len(self._openings) == self._openings.maxlen and now < self._openings[0] + 60:
            return None
        self._openings.append(now)
        if self._failures:
            metrics.CAMERA_RESTARTS.inc()
        self._heard_s, self._patience_s = now, self._settings.opening_s
        self._source = self._factory()
        return self._source

    def _patience_left_s(self) -> float:
        return max(self._heard_s + self._patience_s - self._clock.monotonic(), 0.0)

    def _hear(self, now: float) -> None:
        self._heard_s, self._patience_s = now, self._settings.stall_s
        if self.stalled:
            log.info("the camera gives frames again")
        self.stalled = False
        if self._openings and now - self._openings[-1] > 60:
            self._failures = 0

    def _fail(self, why: str) -> None:
        pause = min(self._settings.restart_pause_s * 2**self._failures, MAX_PAUSE_S)
        self._failures = min(self._failures + 1, 16)
        self._next_opening_s = self._clock.monotonic() + pause
        self.stalled = True
        metrics.CAMERA_STALLS.inc()
        log.warning("the camera is at fault and will be opened again", extra={"why": why, "in_s": round(pause, 1)})
        # whatever hangs may end by itself: the loop has a gap to tell of
        self._drop(wait_s=0.0)

    def _drop(self, wait_s: float = 2.0) -> None:
        source, self._source = self._source, None
        if source is None:
            return
        source.close(wait_s)
        if source.alive:
            self._left_behind.append(source)
