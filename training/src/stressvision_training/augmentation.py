"""Vary a training face as cameras, people and light do."""

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_training.recipe import Augmentation

Face = NDArray[np.uint8]


def augment(face: Face, side: int, how: Augmentation, rng: np.random.Generator) -> Face:
    """Return `face` moved, lit, perhaps degraded and partly hidden, at `side` x `side` pixels."""
    varied = _light(_move(face, side, how, rng), how, rng)
    if rng.random() < how.webcam:
        varied = degrade(varied, rng)
    if rng.random() < how.erase:
        varied = _erase(varied, rng)
    return varied


def _move(face: Face, side: int, how: Augmentation, rng: np.random.Generator) -> Face:
    size = face.shape[0]
    scale = rng.uniform(*how.scale) * side / size
    aspect = np.exp(rng.uniform(-how.aspect, how.aspect) / 2)
    angle = np.deg2rad(rng.uniform(-how.rotate_degrees, how.rotate_degrees))
    mirror = -1.0 if rng.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = turn @ np.diag([mirror * scale * aspect, scale / aspect])
    middle = np.array([(size - 1) / 2, (size - 1) / 2])
    target = (side - 1) / 2 + rng.uniform(-how.shift, how.shift, 2) * side
    matrix = np.column_stack([linear, target - linear @ middle])
    moved = cv2.warpAffine(face, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _light(face: Face, how: Augmentation, rng: np.random.Generator) -> Face:
    gain = 1 + rng.uniform(-how.contrast, how.contrast)
    mean = float(face.mean())
    lift = 255 * rng.uniform(-how.brightness, how.brightness) / 2
    table = np.clip((np.arange(256) - mean) * gain + mean + lift, 0, 255).astype(np.uint8)
    return table[face]


def degrade(face: Face, rng: np.random.Generator) -> Face:
    """Return `face` as a cheap webcam gives it: fewer pixels, defocus or motion, dim light, noise, JPEG."""
    side = face.shape[0]
    worse = face
    if rng.random() < 0.5:
        small = int(side * rng.uniform(0.4, 0.8))
        fewer = cv2.resize(worse, (small, small), interpolation=cv2.INTER_AREA)
        worse = np.asarray(cv2.resize(fewer, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
    if rng.random() < 0.5:
        worse = _blur(worse, rng)
    if rng.random() < 0.5:
        gamma, gain = rng.uniform(0.6, 1.8), rng.uniform(0.5, 1.0)
        worse = (255 * gain * (np.arange(256) / 255) ** gamma).astype(np.uint8)[worse]
    if rng.random() < 0.6:
        noise = rng.normal(0, rng.uniform(2, 12), worse.shape)
        worse = np.clip(worse + noise, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        _, code = cv2.imencode(".jpg", worse, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 80))])
        worse = np.asarray(cv2.imdecode(code, cv2.IMREAD_GRAYSCALE), np.uint8)
    return worse


def _blur(face: Face, rng: np.random.Generator) -> Face:
    if rng.random() < 0.5:
        return np.asarray(cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, 1.5)), np.uint8)
    length = int(rng.integers(2, 6))
    kernel = np.ones((1, length), np.float32) / length
    return np.asarray(cv2.filter2D(face, -1, kernel if rng.random() < 0.7 else kernel.T), np.uint8)


def _erase(face: Face, rng: np.random.Generator) -> Face:
    side = face.shape[0]
    height, width = rng.integers(side // 8, side // 2, 2)
    top, left = rng.integers(0, side - height + 1), rng.integers(0, side - width + 1)
    hidden = face.copy()
    hidden[top : top + height, left : left + width] = rng.integers(0, 256)
    return hidden
