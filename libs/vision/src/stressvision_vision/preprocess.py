"""From a frame and a face box to exactly the grey crop that a model's manifest asks for."""

from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.manifest import InputSpec


class Box(NamedTuple):
    """A face in pixels of its frame: left, top, width, height. It may reach beyond the frame."""

    x: int
    y: int
    w: int
    h: int


def crop(frame: NDArray[np.uint8], box: Box | tuple[int, int, int, int], spec: InputSpec) -> NDArray[np.uint8]:
    """Return the `spec.height` x `spec.width` crop of `box` in the grey `frame`, uint8.

    The crop is the square about the box's centre whose side is the box's longer side plus `spec.margin` on either
    side; beyond the frame the edge is repeated. `ValueError` when frame or box cannot give one.
    """
    if frame.ndim != 2 or frame.dtype != np.uint8:
        raise ValueError(f"crop needs a grey uint8 frame (height x width), got {frame.dtype} of shape {frame.shape}")
    left, top, side = _square(Box(*box), spec.margin)
    height, width = frame.shape
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"face box {tuple(box)} lies outside the frame of {width}x{height}")
    face = frame[y0:y1, x0:x1]
    beyond = (y0 - top, top + side - y1, x0 - left, left + side - x1)
    if any(beyond):
        face = cv2.copyMakeBorder(face, *beyond, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    return resize(face, spec)


def resize(face: NDArray[np.uint8], spec: InputSpec) -> NDArray[np.uint8]:
    """Bring a grey crop to the size of `spec`; an enlargement is always linear, for area would repeat pixels."""
    if face.ndim != 2 or face.dtype != np.uint8 or not face.size:
        raise ValueError(f"resize needs a grey uint8 crop (height x width), got {face.dtype} of shape {face.shape}")
    if face.shape == (spec.height, spec.width):
        return np.ascontiguousarray(face)
    shrinks = face.shape[0] >= spec.height and face.shape[1] >= spec.width
    how = cv2.INTER_AREA if shrinks and spec.resize == "area" else cv2.INTER_LINEAR
    return cv2.resize(face, (spec.width, spec.height), interpolation=how).astype(np.uint8, copy=False)


def _square(box: Box, margin: float) -> tuple[int, int, int]:
    if box.w <= 0 or box.h <= 0:
        raise ValueError(f"face box {tuple(box)} has no area")
    side = max(round(max(box.w, box.h) * (1 + 2 * margin)), 1)
    return round(box.x + box.w / 2 - side / 2), round(box.y + box.h / 2 - side / 2), side
