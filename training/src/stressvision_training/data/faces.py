"""Find the face in a company picture with the detector that devices use, and cut it out as they do."""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.refusals import SourceError
from stressvision_training.data.rows import SIDE, spec
from stressvision_vision.faces import FaceDetector, open_detector
from stressvision_vision.preprocess import Box, crop

LARGEST: Final = (1280, 960)
"""Width and height within which a face is sought: in a larger picture it is sought in a smaller copy."""

LEAST: Final = 240
"""Longer side in pixels to which a smaller picture is enlarged before a face is sought in it."""

BORDER: Final = 1 / 3
"""Share of a picture's side added around it for a second look, with its edge repeated.

A portrait cut close to the face leaves the cascade no room. Of 400 such crops of 65 to 144 pixels it finds 272 as they
are, 351 enlarged, and 397 with a border where there was none; of 60 pictures of noise, none in any way.
"""

_PNG_END: Final = b"IEND\xaeB`\x82"
_END, _FILL = 0xD9, 0xFF
_WITHOUT_LENGTH: Final = frozenset({0x00, 0x01, *range(0xD0, 0xD8)})
"""JPEG's markers that no segment follows: a stuffed 0xff, and restarts (ITU-T T.81, table B.1)."""

Grey = NDArray[np.uint8]


class FaceReader:
    """Reads pictures as faces of 48x48 and, for networks of larger input, as larger ones."""

    def __init__(self, *, side: int = SIDE, whole: bool = False, detector: FaceDetector | None = None) -> None:
        """With `whole`, a picture is one face crop and nothing is sought in it."""
        self._side, self._whole = side, whole
        self._detector = detector or open_detector(strict=False)

    def read(self, path: Path) -> tuple[Grey, Grey | None]:
        """Return the largest face of a picture at 48x48, and with more pixels where it has them and they are wanted.

        `SourceError` when the file is no picture, is cut off, or shows no face.
        """
        grey = read_grey(path)
        boxes = self.find(grey)
        if not boxes:
            raise SourceError(
                f"{path}: no face found in {grey.shape[1]}x{grey.shape[0]} pixels; take the picture out, or give "
                "--crop if these pictures are cut out faces",
                "no face",
            )
        box = boxes[0]
        more = self._side > SIDE and max(box.w, box.h) > SIDE
        return crop(grey, box, spec(SIDE)), crop(grey, box, spec(self._side)) if more else None

    def find(self, grey: Grey) -> list[Box]:
        """Return the faces in a grey picture, the largest first; the picture itself where all of it is one."""
        height, width = grey.shape
        if self._whole:
            return [Box(0, 0, width, height)]
        factor = min(LARGEST[0] / width, LARGEST[1] / height, max(LEAST / max(width, height), 1.0))
        size = (max(round(width * factor), 1), max(round(height * factor), 1))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        seen = grey if factor == 1 else np.asarray(cv2.resize(grey, size, interpolation=how), np.uint8)
        found, border = self._detector.detect(seen), 0
        if not found:
            border = round(max(size) * BORDER)
            edged = cv2.copyMakeBorder(seen, border, border, border, border, cv2.BORDER_REPLICATE)
            found = self._detector.detect(np.asarray(edged, np.uint8))
        return [Box(*(round(part / factor) for part in (x - border, y - border, w, h))) for x, y, w, h in found]


def read_grey(path: Path) -> Grey:
    """Return a picture as grey levels, upright; `SourceError` when it cannot be read or its end is missing."""
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: not a picture but a folder, a pipe or a device", "unreadable picture")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{path}: not a picture that can be read: {error.strerror}", "unreadable picture") from error
    if _is_cut_off(content):
        raise SourceError(f"{path}: the picture is cut off; copy it again", "unreadable picture")
    grey = None
    try:
        grey = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    except cv2.error as error:
        raise SourceError(f"{path}: not a picture that OpenCV can read: {error.err}", "unreadable picture") from error
    if grey is None:
        raise SourceError(f"{path}: not a picture that OpenCV can read; give JPG or PNG", "unreadable picture")
    return np.asarray(grey, np.uint8)


def _is_cut_off(content: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end, which OpenCV would fill with grey."""
    if content.startswith(b"\xff\xd8"):
        return not _has_jpeg_end(content)
    return content.startswith(b"\x89PNG") and _PNG_END not in content


def _has_jpeg_end(content: bytes) -> bool:
    """Whether the picture itself ends: not a preview within it, nor the film that telephones put behind it."""
    at = content.find(b"\xff", 2)
    while 0 <= at < len(content) - 1:
        marker = content[at + 1]
        if marker == _END:
            return True
        if marker == _FILL:
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + int.from_bytes(content[at + 2 : at + 4])
        at = content.find(b"\xff", at)
    return False
