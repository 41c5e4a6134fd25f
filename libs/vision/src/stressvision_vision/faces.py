"""Where faces are in a grey frame, the largest first, and whether one shows enough to be judged.

The Haar cascade inside the OpenCV wheel is always there; YuNet is used where its model file is given.
"""

from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import cv2.data
import numpy as np
from numpy.typing import NDArray

from stressvision_vision.preprocess import Box

MIN_FACE_PX: Final = 48
"""The side of a face below which an expression cannot be told: the classifier's own input is 48 pixels wide."""

MIN_SHARPNESS: Final = 0.04
"""Variance of the Laplacian over the variance of the levels, on the face at 48x48. Measured on 44 sharp frames of
640x480: 0.40 and above; the same blurred by a Gaussian of 3 % of the face's side: 0.018 to 0.058."""

MIN_CONTRAST: Final = 8.0
"""Standard deviation of the grey levels of a face; a covered lens or a black room shows less."""

MIN_INSIDE: Final = 0.8
"""Share of the face box that must lie within the frame."""

_CASCADE_PX: Final = 24
"""The window of the alt2 cascade: it finds faces of 96 pixels in a quarter-size frame, of 48 in a half-size one."""

_COARSE: Final = (4, 1.05, 2)
_FINE: Final = (2, 1.15, 2)
_AGAIN: Final = (3, 1.15, 1)
_AGAIN_FINE: Final = (2, 1.15, 1)
"""Shrinking of the frame, step from one size of face to the next, and how many neighbouring hits make a face."""


_STAGES: Final = 20
_WEAK: Final = 55.25
"""Sum at the last stage of the alt2 cascade. Of 44 webcam faces 40 lie above, of 8 chance patterns none."""


class FaceDetector(Protocol):
    """Finds faces. `detect` looks at a whole frame, `near` only where one was a moment ago (much cheaper)."""

    def detect(self, grey: NDArray[np.uint8]) -> list[Box]: ...
    def near(self, grey: NDArray[np.uint8], box: Box) -> list[Box]: ...


class DetectorError(ValueError):
    """No detector can be made of what was given."""


class HaarDetector:
    """The alt2 frontal cascade on a smaller, contrast-evened frame.

    Of the ways tried on 45 webcam frames (one face each, many yawning) and 103 of a clip with a face turned a little
    away, a quarter-size frame in small steps with CLAHE finds most for its cost: 41 and 103, and the largest find was
    always the face. A third of the size in steps of 1.15 without CLAHE finds 39 and 71 for nearly the same.
    """

    def __init__(self, *, strict: bool = True) -> None:
        """With `strict`, a pattern that only might be a face is none: an empty chair must stay empty.

        Without, it is taken where there is no better one, as in a picture that someone chose for the face in it.
        """
        self._strict = strict
        path = Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt2.xml"
        if not path.is_file():
            raise DetectorError(f"{path} is missing; install opencv-python-headless below version 5")
        self._cascade = cv2.CascadeClassifier(str(path))
        self._even = cv2.createCLAHE(2.0, (4, 4))

    def detect(self, grey: NDArray[np.uint8]) -> list[Box]:
        """Return all faces of at least 48 pixels, the largest first. Small ones are sought when there is no other."""
        found = self._scan(grey, _COARSE, MIN_FACE_PX) or self._scan(grey, _FINE, MIN_FACE_PX, 2 * MIN_FACE_PX + 8)
        strong = [box for box, weight in found if weight >= _WEAK]
        if strong or self._strict:
            return by_size(strong)
        # a chance pattern is rarely found a second time when looked at by itself
        return by_size([box for box, _ in found if self._confirms(grey, box)])

    def near(self, grey: NDArray[np.uint8], box: Box) -> list[Box]:
        """Return the faces about as large as `box` and at most half a side away from it, the largest first."""
        x0, y0 = max(box.x - box.w // 2, 0), max(box.y - box.h // 2, 0)
        x1, y1 = min(box.x + box.w * 3 // 2, grey.shape[1]), min(box.y + box.h * 3 // 2, grey.shape[0])
        if x1 - x0 < MIN_FACE_PX or y1 - y0 < MIN_FACE_PX:
            return []
        how = _AGAIN if box.w * 0.75 >= _AGAIN[0] * _CASCADE_PX else _AGAIN_FINE
        found = self._scan(grey[y0:y1, x0:x1], how, round(box.w * 0.75), round(box.w * 1.35))
        return by_size([Box(face.x + x0, face.y + y0, face.w, face.h) for face, _ in found])

    def _confirms(self, grey: NDArray[np.uint8], box: Box) -> bool:
        return any(overlap(again, box) > 0.4 for again in self.near(grey, box))

    def _scan(
        self, grey: NDArray[np.uint8], how: tuple[int, float, int], least: int, most: int = 0
    ) -> list[tuple[Box, float]]:
        shrink, step, neighbours = how
        size = (grey.shape[1] // shrink, grey.shape[0] // shrink)
        if min(size) < _CASCADE_PX:
            return []
        small = self._even.apply(cv2.resize(grey, size, interpolation=cv2.INTER_AREA))
        low = max(least // shrink, _CASCADE_PX)
        high = max(most // shrink, low + 4) if most else 0
        found = self._cascade.detectMultiScale3(small, step, neighbours, 0, (low, low), (high, high), True)
        return [
            (Box(*(int(side) * shrink for side in face)), float(weight))
            for face, level, weight in zip(*found, strict=True)
            if level >= _STAGES
        ]


class YuNetDetector:
    """OpenCV's `FaceDetectorYN` on a half-size frame."""

    def __init__(self, path: Path, min_score: float = 0.7) -> None:
        if not path.is_file():
            raise DetectorError(f"{path} is no file; give a YuNet ONNX model, or none for the Haar cascade")
        try:
            self._net: Any = cv2.FaceDetectorYN.create(str(path), "", (320, 240), min_score)
        except cv2.error as error:
            raise DetectorError(f"{path} is no YuNet model: {error.err}") from error

    def detect(self, grey: NDArray[np.uint8]) -> list[Box]:
        size = (grey.shape[1] // 2, grey.shape[0] // 2)
        small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        self._net.setInputSize(size)
        _, found = self._net.detect(cv2.cvtColor(small, cv2.COLOR_GRAY2BGR))
        boxes = [] if found is None else [Box(*(round(float(side) * 2) for side in face[:4])) for face in found]
        return by_size([box for box in boxes if min(box.w, box.h) >= MIN_FACE_PX])

    def near(self, grey: NDArray[np.uint8], box: Box) -> list[Box]:
        """Return the faces that overlap `box`; the net is fast enough to look at the whole frame each time."""
        return [face for face in self.detect(grey) if overlap(face, box) > 0.1]


def open_detector(model: Path | None = None, *, strict: bool = True) -> FaceDetector:
    """Return a YuNet detector when `model` is given, else the Haar cascade; `DetectorError` says what is amiss."""
    return HaarDetector(strict=strict) if model is None else YuNetDetector(model)


def by_size(boxes: list[Box]) -> list[Box]:
    """Return `boxes` from the largest to the smallest; equals from left to right, so that the order never varies."""
    return sorted(boxes, key=lambda box: (-box.w * box.h, box))


def overlap(one: Box, other: Box) -> float:
    """Return the intersection of two boxes over their union, 0..1."""
    width = min(one.x + one.w, other.x + other.w) - max(one.x, other.x)
    height = min(one.y + one.h, other.y + other.h) - max(one.y, other.y)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (one.w * one.h + other.w * other.h - both)


def is_usable(grey: NDArray[np.uint8], box: Box) -> bool:
    """Whether the face in `box` is large, sharp, lit and whole enough to be judged; if not, it counts as not seen."""
    x0, y0 = max(box.x, 0), max(box.y, 0)
    x1, y1 = min(box.x + box.w, grey.shape[1]), min(box.y + box.h, grey.shape[0])
    if min(box.w, box.h) < MIN_FACE_PX or x1 <= x0 or y1 <= y0:
        return False
    if (x1 - x0) * (y1 - y0) < MIN_INSIDE * box.w * box.h:
        return False
    face = cv2.resize(grey[y0:y1, x0:x1], (48, 48), interpolation=cv2.INTER_AREA)
    spread = float(face.std())
    if spread < MIN_CONTRAST:
        return False
    return float(cv2.Laplacian(face, cv2.CV_32F).var()) >= MIN_SHARPNESS * spread**2
