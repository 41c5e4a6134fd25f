"""What a source of frames promises, and the two ways in which it can fail."""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray


class CameraError(RuntimeError):
    """The source gives no frames now; trying again later may help."""


class SourceError(ValueError):
    """The source can never give frames as it is stated; the message says what to change."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A grey picture, height x width, full range 0..255, taken at `monotonic_s`; `index` counts from 0."""

    grey: NDArray[np.uint8]
    monotonic_s: float
    index: int


class FrameSource(Protocol):
    """Frames as the pipeline reads them, from one thread."""

    @property
    def dropped(self) -> int:
        """Frames that a newer one replaced before they were read."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will ever come, as at the end of a file."""

    @property
    def alive(self) -> bool:
        """Whether a thread of the source still runs; one that hangs in its driver lives on after `close`."""

    def read(self, timeout_s: float) -> Frame | None:
        """Return the next frame, or None when none came in time or the source is finished.

        `CameraError` when the source has failed, `SourceError` when it never can work.
        """

    def close(self, wait_s: float = 2.0) -> None:
        """Give the camera back, waiting no longer than `wait_s` for a driver that hangs."""


class Camera(Protocol):
    """A device or file, used by one thread alone. `interval_s` is the time between frames, None as they come."""

    interval_s: float | None

    def grab(self) -> NDArray[np.uint8] | None:
        """Wait for the next grey frame; None when there will be none. `CameraError` when the camera fails."""

    def close(self) -> None: ...


def fit(grey: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Shrink `grey` so that it fits into `width` x `height`, its shape kept; smaller ones stay as they are."""
    scale = min(width / grey.shape[1], height / grey.shape[0])
    if scale >= 1:
        return grey
    size = (max(round(grey.shape[1] * scale), 1), max(round(grey.shape[0] * scale), 1))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
