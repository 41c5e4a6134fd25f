"""Vary a training face as cameras, people and light do.

A face is side x side, or side x side x channels, of uint8. Lengths are in shares of its side, so that a degradation
looks the same at 48 and at 160 pixels.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import cv2
import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from stressvision_training.bounds import Share
from stressvision_training.data.rows import SIDE


class Augmentation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranges are symmetric about no change; shares are probabilities per picture."""

    flip: Share = 0.5
    rotate_degrees: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shift: Share = 0.0
    aspect: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    erase: Share = 0.0
    webcam: Share = 0.0
    """Share of pictures degraded as a cheap camera would: blur, low resolution, dimness, noise, JPEG."""
    mixup: Annotated[float, Meta(ge=0.0)] = 0.0
    """Both parameters of the Beta distribution of the share of a second picture; 0 is none."""


Face = NDArray[np.uint8]
Rng = np.random.Generator
_RAMP: Final = np.arange(256, dtype=np.float32)


def augment(face: Face, side: int, how: Augmentation, rng: Rng) -> Face:
    """Return `face` moved, lit, perhaps degraded and partly hidden, at `side` x `side` pixels."""
    varied = _light(_move(face, side, how, rng), how, rng)
    if rng.random() < how.webcam:
        varied = degrade(varied, rng)
    if rng.random() < how.erase:
        varied = _erase(varied, rng)
    return varied


Arrays = dict[str, NDArray[np.float32]]


def mixup(
    faces: NDArray[np.float32],
    targets: Mapping[str, NDArray[np.float32]],
    rng: Rng,
    alpha: float,
    extras: Mapping[str, NDArray[np.float32]] | None = None,
) -> tuple[NDArray[np.float32], Arrays, Arrays]:
    """Return a batch in which each face is blended with another, and its targets and extras in the same shares.

    The share of the other is drawn from Beta(`alpha`, `alpha`), folded to at most a half (Zhang et al. 2018). A row
    stays as it is where a head's target is no distribution (a set of possible classes) or where one of the two has
    a target and the other none: a blend of those says nothing.
    """
    partner = rng.permutation(len(faces))
    share = rng.beta(alpha, alpha, len(faces)).astype(np.float32) if alpha > 0 else np.zeros(len(faces), np.float32)
    share = np.minimum(share, 1 - share)
    for target in targets.values():
        total = target.sum(axis=1)
        plain = (np.abs(total - 1) < 1e-3) | (total == 0)
        share[~(plain & (np.abs(total - total[partner]) < 1e-3))] = 0

    def blended(arrays: Mapping[str, NDArray[np.float32]]) -> Arrays:
        return {name: _blend(values, values[partner], share) for name, values in arrays.items()}

    return _blend(faces, faces[partner], share), blended(targets), blended(extras or {})


def _blend(one: NDArray[np.float32], other: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    weight = share.reshape(-1, *[1] * (one.ndim - 1))
    return np.asarray(one + weight * (other - one), np.float32)


def _move(face: Face, side: int, how: Augmentation, rng: Rng) -> Face:
    scale = rng.uniform(*how.scale) * side / face.shape[0]
    aspect = np.exp(rng.uniform(-how.aspect, how.aspect) / 2)
    angle = np.deg2rad(rng.uniform(-how.rotate_degrees, how.rotate_degrees))
    mirror = -1.0 if rng.random() < how.flip else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([mirror * scale * aspect, scale / aspect])
    return _warp(face, side, linear, rng.uniform(-how.shift, how.shift, 2))


def _warp(face: Face, side: int, linear: NDArray[np.float64], shift: NDArray[np.float64]) -> Face:
    middle = np.full(2, (face.shape[0] - 1) / 2)
    target = (side - 1) / 2 + shift * side
    matrix = np.column_stack([linear, target - linear @ middle])
    moved = cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _light(face: Face, how: Augmentation, rng: Rng) -> Face:
    gain = 1 + rng.uniform(-how.contrast, how.contrast)
    mean = float(face.mean())
    lift = 255 * rng.uniform(-how.brightness, how.brightness) / 2
    return _through(face, (_RAMP - mean) * gain + mean + lift)


def _erase(face: Face, rng: Rng) -> Face:
    side = face.shape[0]
    height, width = rng.integers(side // 8, side // 2, 2)
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    hidden = face.copy()
    hidden[top : top + height, left : left + width] = rng.integers(0, 256)
    return hidden


def degrade(face: Face, rng: Rng) -> Face:
    """Return `face` as a cheap webcam and a hasty detector give it: each of `DEGRADATIONS` with its probability."""
    worse = face
    for share, worsen in DEGRADATIONS.values():
        if rng.random() < share:
            worse = worsen(worse, rng)
    return worse


def _jitter(face: Face, rng: Rng) -> Face:
    scale = rng.uniform(0.9, 1.1)
    return _warp(face, face.shape[0], np.diag([scale, scale]), rng.uniform(-0.06, 0.06, 2))


def _fewer_pixels(face: Face, rng: Rng) -> Face:
    side = face.shape[0]
    small = max(int(SIDE * rng.uniform(0.4, 0.8)), 8)  # what a camera some metres away has of a face, at any input size
    fewer = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(fewer, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def _defocus(face: Face, rng: Rng) -> Face:
    return np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 1.5) * face.shape[0] / SIDE), np.uint8)


def _motion(face: Face, rng: Rng) -> Face:
    length = rng.uniform(2, 6) * face.shape[0] / SIDE
    angle = rng.uniform(0, np.pi)
    half = int(np.ceil(length / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for step in np.linspace(-length / 2, length / 2, 4 * half + 1):
        kernel[round(half + step * np.sin(angle)), round(half + step * np.cos(angle))] = 1
    return np.asarray(cv2.filter2D(face, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE), np.uint8)


def _low_light(face: Face, rng: Rng) -> Face:
    return _through(face, 255 * rng.uniform(0.35, 1.0) * (_RAMP / 255) ** rng.uniform(0.6, 1.8))


def _noise(face: Face, rng: Rng) -> Face:
    grain = rng.standard_normal(face.shape, np.float32) * np.float32(rng.uniform(2, 12))
    return np.clip(face + grain, 0, 255).astype(np.uint8)


def _jpeg(face: Face, rng: Rng) -> Face:
    _, code = cv2.imencode(".jpg", face, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_UNCHANGED), np.uint8).reshape(face.shape)


def _through(face: Face, levels: NDArray[np.float32]) -> Face:
    table = np.clip(levels, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(face, table), np.uint8).reshape(face.shape)


DEGRADATIONS: Final[Mapping[str, tuple[float, Callable[[Face, Rng], Face]]]] = {
    "detector jitter": (0.5, _jitter),
    "fewer pixels": (0.5, _fewer_pixels),
    "defocus": (0.25, _defocus),
    "motion": (0.25, _motion),
    "low light": (0.5, _low_light),
    "noise": (0.6, _noise),
    "jpeg": (0.4, _jpeg),
}
"""What a webcam does to a face, in this order: how often, and how."""
