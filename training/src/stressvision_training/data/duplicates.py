"""Find pictures that show the same photograph: another crop by a pixel or two, other light, a watermark, a mirror.

The 64 signs of a picture's coarsest cosines (a perceptual hash) propose pairs, their pixels decide. On FER-2013's
32,298 public pictures this takes some 8 s on one busy core; of 64 pairs looked at, none showed two photographs.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

MOST_SIGNS: Final = 10
"""Of the 64 signs, how many may differ: nearly all FER-2013 pairs of the correlation below lie within."""

LEAST_CORRELATION: Final = 0.9
"""Of the grey levels of two 48x48 pictures. Of 16 FER-2013 pairs between 0.86 and 0.90, one was of two photographs."""

_SAMPLES: Final = 32
_COSINES: Final = 8
_BLOCK: Final = 1000
_AT_ONCE: Final = 10_000
"""Pairs whose pixels are compared at once: thousands of frames of one person propose millions."""

Pairs = NDArray[np.int64]


def near_duplicates(images: NDArray[np.uint8]) -> Pairs:
    """Return the pairs i < j of near-duplicates among n x side x side pictures, identical ones included, m x 2.

    Pictures of one level (FER-2013 has 12) resemble nothing.
    """
    varied = np.flatnonzero(images.reshape(len(images), -1).std(axis=1) > 1) if len(images) else np.empty(0, np.int64)
    if not len(varied):
        return np.empty((0, 2), np.int64)
    cosines = np.stack([_cosines(image) for image in images[varied]])
    turned = cosines * np.where(np.arange(_COSINES) % 2, -1, 1)  # a mirrored picture's odd cosines change their sign
    signs, mirrored = _signs(cosines), _signs(turned)
    pixels = _normal(images[varied])
    found = [*_alike(signs, signs, pixels, pixels), *_alike(signs, mirrored, pixels, _normal(images[varied, :, ::-1]))]
    numbers = np.unique(np.concatenate([np.empty(0, np.int64), *found]))
    pairs = np.stack(np.divmod(numbers, len(varied)), axis=1)
    return np.asarray(varied[pairs], np.int64)


def joined(pairs: Pairs, names: Sequence[str]) -> list[str]:
    """Return for each of `names` the least name among those that pairs connect it with."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    links = coo_array((np.ones(len(pairs), np.bool_), (pairs[:, 0], pairs[:, 1])), shape=(len(names), len(names)))
    _, parts = connected_components(links, directed=False)
    least: dict[int, str] = {}
    for name, part in zip(names, parts.tolist(), strict=True):
        least[part] = min(name, least.get(part, name))
    return [least[part] for part in parts.tolist()]


def _cosines(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(image, (_SAMPLES, _SAMPLES), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray(cv2.dct(small)[:_COSINES, :_COSINES], np.float32)


def _signs(cosines: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = cosines.reshape(len(cosines), -1)
    middle = np.median(flat[:, 1:], axis=1, keepdims=True)  # the first cosine is the mean level
    return np.where(flat > middle, 1, -1).astype(np.float32)


def _normal(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    flat = images.reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    return flat


def _alike(
    signs: NDArray[np.float32], others: NDArray[np.float32], pixels: NDArray[np.float32], its: NDArray[np.float32]
) -> Iterator[NDArray[np.int64]]:
    """Yield the pairs i < j of alike pictures, each as the one number i * n + j."""
    for start in range(0, len(signs), _BLOCK):
        same = signs[start : start + _BLOCK] @ others[start:].T
        i, j = np.divmod(np.flatnonzero(same >= signs.shape[1] - 2 * MOST_SIGNS), same.shape[1])
        i, j = i[j > i] + start, j[j > i] + start
        for first in range(0, len(i), _AT_ONCE):
            a, b = i[first : first + _AT_ONCE], j[first : first + _AT_ONCE]
            alike = np.einsum("ij,ij->i", pixels[a], its[b]) >= LEAST_CORRELATION
            yield a[alike] * len(signs) + b[alike]
