"""What the seeing side says of itself in a heartbeat."""

from collections import deque
from dataclasses import dataclass
from threading import Lock
from typing import Final

RATE_S: Final = 10.0
"""Frames a second are those of the last ten seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """None where it is not known. `coverage` is that of the last window, `inference_p95_s` of the last 300 faces."""

    model_version: str | None = None
    model_digest: str | None = None
    state: str | None = None
    frames_per_second: float | None = None
    inference_p95_s: float | None = None
    coverage: float | None = None
    bad_outputs: int | None = None

    def summary(self) -> str:
        """A few words for the unit's status line."""
        return f"{self.state or 'unknown'}, {self.frames_per_second or 0:.1f} frames/s"


class SightMeter:
    """Written by the seeing thread, read by the sending one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._frames: deque[float] = deque(maxlen=1000)
        self._inference_s: deque[float] = deque(maxlen=300)
        self._coverage: float | None = None

    def frame(self, at_s: float) -> None:
        with self._lock:
            self._frames.append(at_s)

    def inference(self, seconds: float) -> None:
        with self._lock:
            self._inference_s.append(seconds)

    def new_model(self) -> None:
        """What was measured of the last model does not hold for the next."""
        with self._lock:
            self._inference_s.clear()

    def coverage(self, coverage: float) -> None:
        with self._lock:
            self._coverage = coverage

    def sight(
        self, now_s: float, *, model_version: str, model_digest: str, state: str, bad_outputs: int | None = None
    ) -> Sight:
        with self._lock:
            recent = sum(1 for at_s in self._frames if at_s > now_s - RATE_S)
            taken = sorted(self._inference_s)
            coverage = self._coverage
        return Sight(
            model_version=model_version,
            model_digest=model_digest,
            state=state,
            frames_per_second=recent / RATE_S,
            inference_p95_s=taken[int(0.95 * (len(taken) - 1))] if taken else None,
            coverage=coverage,
            bad_outputs=bad_outputs,
        )
