"""One labelled face as every reader yields it."""

import hashlib
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.manifest import InputSpec
from stressvision_training.data.refusals import SourceError
from stressvision_vision.preprocess import resize

__all__ = ["EMOTIONS", "SIDE", "USAGES", "Row", "SourceError", "Tick", "at_side", "silent", "spec"]

SIDE: Final = 48
"""Height and width of every prepared face, FER-2013's own."""

EMOTIONS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""FER-2013's numbering, 0 to 6."""

USAGES: Final = ("Training", "PublicTest", "PrivateTest")

Tick = Callable[[str, int, int], None]
"""Told what is being done, how many are done, and of how many (0 when that is not known)."""


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

    @property
    def is_custom(self) -> bool:
        """Whether it is one of the company's own pictures."""
        return self.source.startswith("custom")


def spec(side: int) -> InputSpec:
    """Return what a device is told to cut out for a network of `side` pixels: the face box as it is, in grey."""
    return InputSpec(height=side, width=side, channels=1, margin=0.0)


def at_side(face: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Return a grey face at `side` x `side`, resized as the device does: area to shrink, linear to enlarge."""
    return resize(face, spec(side))


def silent(_stage: str, _done: int, _total: int) -> None:
    """Tell nobody how far the work is."""
