"""One labelled face as every reader yields it, and the error that a bad source raises."""

import hashlib
from pathlib import Path
from typing import Final

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.manifest import InputSpec
from stressvision_vision.preprocess import Box, crop, resize

SIDE: Final = 48
"""Height and width of every prepared face, FER-2013's own."""

FACE: Final = InputSpec(height=SIDE, width=SIDE, channels=1, margin=0.0)

EMOTIONS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER-2013's numbering, 0 to 6."""

USAGES: Final = ("Training", "PublicTest", "PrivateTest")


class SourceError(ValueError):
    """A source cannot be read; the message names file, line or picture, the value, and what was expected."""


class Row(msgspec.Struct, kw_only=True):
    """One face: `image` 48x48 uint8; `votes` are FER+'s ten counts, empty when there are none.

    `large` shows the same face with more pixels, where the picture has them and the data are to keep them.
    """

    image: NDArray[np.uint8]
    large: NDArray[np.uint8] | None = None
    source: str
    name: str
    label: str
    usage: str = ""
    subject: str = ""
    votes: tuple[int, ...] = ()
    augmented: bool = False

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the pixels: equal pictures are one group."""
        return hashlib.sha256(self.image.tobytes()).hexdigest()


def read_face(path: Path) -> NDArray[np.uint8]:
    """Read a picture whose whole area is one face, as grey 48x48; `SourceError` when it is no picture."""
    grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise SourceError(f"{path}: not a picture that OpenCV can read")
    height, width = grey.shape
    return crop(np.asarray(grey, np.uint8), Box(0, 0, width, height), FACE)


def at_side(face: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a grey face at `side` x `side`, resized as the device does: area to shrink, linear to enlarge."""
    return resize(face, InputSpec(height=side, width=side, channels=1, margin=0.0))
