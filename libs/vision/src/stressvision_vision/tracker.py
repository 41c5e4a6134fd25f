"""Follow the largest face from frame to frame, so that the costly detector need not look at each."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_vision.faces import FaceDetector, by_size
from stressvision_vision.preprocess import Box

SCALE: Final = 4
"""Between detections the face is sought in a frame of a quarter of the size: 0.2 ms, to 4 pixels."""

MIN_MATCH: Final = 0.6
"""Normalised correlation with the face's last detected look below which it counts as lost."""

MAX_MISSES: Final = 4
"""Detections in a row that may fail while the look still matches: a yawn or a turned head, not an empty chair."""

SCAN_EVERY: Final = 6
"""Every so many detections the whole frame is searched, for a larger face may have come."""

TAKE_OVER: Final = 1.3
"""How much larger another face must be to become the one that is followed."""


class FaceTracker:
    """Not thread-safe. `every` is how many frames lie between two detections."""

    def __init__(self, detector: FaceDetector, every: int = 4) -> None:
        if every < 1:
            raise ValueError(f"the detector must run every 1 or more frames, not every {every}")
        self._detector = detector
        self._every = every
        self.reset()

    def reset(self) -> None:
        """Forget the face, as when the camera was away."""
        self._box: Box | None = None
        self._look: NDArray[np.uint8] | None = None
        self._since = self._every
        self._misses = 0
        self._detections = 0

    def track(self, grey: NDArray[np.uint8]) -> Box | None:
        """Return where the followed face is in the next frame `grey`, or None when there is none."""
        self._since += 1
        small = cv2.resize(grey, (grey.shape[1] // SCALE, grey.shape[0] // SCALE), interpolation=cv2.INTER_AREA).astype(
            np.uint8, copy=False
        )
        moved = self._match(small)
        if self._box is not None and moved is None:
            self._since = self._every
        if self._since >= self._every:
            self._since = 0
            self._detect(grey, small, moved)
        elif moved is not None:
            self._box = moved
        return self._box

    def _detect(self, grey: NDArray[np.uint8], small: NDArray[np.uint8], moved: Box | None) -> None:
        self._detections += 1
        found = self._choose(grey, moved)
        if found is not None:
            self._misses = 0
            self._box, self._look = found, _look(small, found)
        elif moved is not None and self._misses < MAX_MISSES:
            self._misses += 1
            self._box = moved
        else:
            self._box = self._look = None
            self._misses = 0

    def _choose(self, grey: NDArray[np.uint8], moved: Box | None) -> Box | None:
        if moved is None:
            faces = self._detector.detect(grey)
            return faces[0] if faces else None
        here = by_size(self._detector.near(grey, moved))
        best = here[0] if here else None
        if self._detections % SCAN_EVERY == 0:
            larger = [face for face in self._detector.detect(grey) if face.w * face.h > TAKE_OVER * moved.w * moved.h]
            if larger:
                return larger[0]
        return best

    def _match(self, small: NDArray[np.uint8]) -> Box | None:
        """Return the box moved to where the face's last look fits best, or None when it fits nowhere near."""
        box, look = self._box, self._look
        if box is None or look is None:
            return None
        reach_x, reach_y = look.shape[1] // 2, look.shape[0] // 2
        x0, y0 = max(box.x // SCALE - reach_x, 0), max(box.y // SCALE - reach_y, 0)
        area = small[y0 : y0 + look.shape[0] + 2 * reach_y, x0 : x0 + look.shape[1] + 2 * reach_x]
        if area.shape[0] < look.shape[0] or area.shape[1] < look.shape[1]:
            return None
        _, score, _, (left, top) = cv2.minMaxLoc(cv2.matchTemplate(area, look, cv2.TM_CCOEFF_NORMED))
        if not MIN_MATCH <= score <= 1.01:
            return None
        return Box((x0 + left) * SCALE, (y0 + top) * SCALE, box.w, box.h)


def _look(small: NDArray[np.uint8], box: Box) -> NDArray[np.uint8] | None:
    x0, y0 = max(box.x // SCALE, 0), max(box.y // SCALE, 0)
    look = small[y0 : (box.y + box.h) // SCALE, x0 : (box.x + box.w) // SCALE]
    return look.copy() if min(look.shape) >= 8 else None
