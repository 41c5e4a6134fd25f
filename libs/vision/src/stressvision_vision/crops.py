"""Drawn faces to try a model on: made by code, the same on every device, of nobody."""

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.manifest import InputSpec
from stressvision_vision.preprocess import resize

SIDE: Final = 96
SKINS: Final = (90, 150, 210)
MOUTHS: Final = (-8, 0, 8)
"""How far the corners of the mouth lie above its middle, in pixels."""

EYES: Final = (1, 4, 7)
"""Half the height of an open eye in pixels."""


def drawn_crops(spec: InputSpec) -> list[NDArray[np.uint8]]:
    """Return 27 drawn faces and 9 textures, each as `spec` asks for: grey, uint8, height x width."""
    faces = [_face(skin, mouth, eye) for skin in SKINS for mouth in MOUTHS for eye in EYES]
    return [resize(picture, spec) for picture in faces + _textures()]


def _face(skin: int, mouth: int, eye: int) -> NDArray[np.uint8]:
    picture = np.full((SIDE, SIDE), 255 - skin, np.uint8)
    dark = skin // 3
    cv2.ellipse(picture, (48, 50), (36, 46), 0, 0, 360, (skin,), -1, cv2.LINE_AA)
    cv2.ellipse(picture, (48, 14), (38, 18), 0, 180, 360, (dark,), -1, cv2.LINE_AA)
    for x, tilt in ((33, mouth // 3), (63, -mouth // 3)):
        cv2.ellipse(picture, (x, 42), (8, eye), 0, 0, 360, (245,), -1, cv2.LINE_AA)
        cv2.circle(picture, (x, 42), min(eye, 4), (dark // 2,), -1, cv2.LINE_AA)
        cv2.line(picture, (x - 9, 31 + tilt), (x + 9, 31 - tilt), (dark,), 3, cv2.LINE_AA)
    cv2.line(picture, (48, 46), (46, 60), (skin * 3 // 4,), 2, cv2.LINE_AA)
    corner, between, middle = 74 - mouth, 74 + mouth // 2, 74 + mouth
    lips = np.array([(32, corner), (40, between), (48, middle), (56, between), (64, corner)], np.int32)
    cv2.polylines(picture, [lips], isClosed=False, color=(dark,), thickness=4, lineType=cv2.LINE_AA)
    return cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.uint8, copy=False)


def _textures() -> list[NDArray[np.uint8]]:
    """Waves, a slope, checks, blurred noise: a model that cannot tell even these apart looks at nothing."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    waves = [np.cos(2 * np.pi * place / length) for length in (10, 18, 32) for place in (x, y)]
    checks = np.sign(np.cos(2 * np.pi * x / 24) * np.cos(2 * np.pi * y / 24))
    slope = (x + y) / SIDE - 1
    noise = cv2.GaussianBlur(np.random.default_rng(48).normal(0, 4, (SIDE, SIDE)), (0, 0), 3)
    return [np.clip(128 + 100 * made, 0, 255).astype(np.uint8) for made in (*waves, checks, slope, noise)]
