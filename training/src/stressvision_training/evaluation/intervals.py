"""How sure a figure is: bootstrap over groups of rows that belong together, all replicates at once."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.evaluation.metrics import BINS

REPLICATES: Final = 2000
LEVEL: Final = 0.95
SEED: Final = 2013
_AT_ONCE: Final = 100
"""Replicates drawn at once, so that a training split's fit into memory."""

Counts = NDArray[np.float64]
Pair = list[float]


def intervals(
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
    groups: NDArray[np.str_],
    labels: Sequence[str],
) -> dict[str, Any]:
    """Return the 95 % interval of accuracy, macro recall, macro-F1, ECE and each label's recall.

    `groups` (n) says which rows are drawn together: those of one person, or near-duplicates. A label without rows has
    no interval; in a replicate that draws none of its rows it does not count. ECE is biased upwards, and drawn again it
    is so twice: its replicates are mirrored at the figure (the basic bootstrap of Davison and Hinkley 1997, 5.2).
    """
    classes = len(labels)
    cells = np.zeros((len(truth), classes * classes), np.float32)
    cells[np.arange(len(truth)), truth * classes + probabilities.argmax(axis=1)] = 1
    drawn, number = _weights(groups)
    confusions = (drawn @ _per_group(cells, number)).reshape(-1, classes, classes)
    hit, support, given = (np.einsum("rii->ri", confusions), confusions.sum(axis=2), confusions.sum(axis=1))
    recall = _share(hit, support)
    f1 = np.where(support > 0, 2 * hit / np.maximum(support + given, 1), np.nan)
    found: dict[str, Any] = {"level": LEVEL, "replicates": REPLICATES, "groups": drawn.shape[1]}
    found["accuracy"] = _between(hit.sum(axis=1) / support.sum(axis=1))
    found["macro_recall"] = _between(np.nanmean(recall, axis=1))
    found["macro_f1"] = _between(np.nanmean(f1, axis=1))
    once = np.ones((1, drawn.shape[1]), np.float32)
    figure = _calibration(probabilities, truth, once, number)
    found["ece"] = _between(np.maximum(2 * figure - _calibration(probabilities, truth, drawn, number), 0))
    there = np.bincount(truth, minlength=classes) > 0
    found["recall"] = {label: _between(recall[:, k]) for k, label in enumerate(labels) if there[k]}
    return found


def weighted_interval(values: NDArray[np.float32], weights: NDArray[np.float32], groups: NDArray[np.str_]) -> Pair:
    """Return the 95 % interval of the mean of `values` (n) that weigh `weights`, drawn by group."""
    drawn, number = _weights(groups)
    sums = drawn @ _per_group(np.stack([values * weights, weights], axis=1), number)
    return _between(sums[:, 0] / sums[:, 1])


def _weights(groups: NDArray[np.str_]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return how often each replicate draws each group (replicates x groups), and the number of each row's group."""
    names, number = np.unique(groups, return_inverse=True)
    rng, n = np.random.default_rng(SEED), len(names)
    drawn = np.empty((REPLICATES, n), np.float32)
    for first in range(0, REPLICATES, _AT_ONCE):
        here = min(_AT_ONCE, REPLICATES - first)
        places = rng.integers(0, n, (here, n)) + np.arange(here)[:, None] * n
        drawn[first : first + here] = np.bincount(places.ravel(), minlength=here * n).reshape(here, n)
    return drawn, number


def _per_group(values: NDArray[np.float32], number: NDArray[np.int64]) -> NDArray[np.float32]:
    sums = np.zeros((number.max() + 1, values.shape[1]), np.float32)
    np.add.at(sums, number, values)
    return sums


def _calibration(
    probabilities: NDArray[np.float32], truth: NDArray[np.int64], drawn: NDArray[np.float32], number: NDArray[np.int64]
) -> Counts:
    sure = probabilities.max(axis=1)
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gap = np.zeros((len(truth), BINS), np.float32)
    gap[np.arange(len(truth)), bins] = (probabilities.argmax(axis=1) == truth) - sure
    rows = drawn @ np.bincount(number).astype(np.float32)
    return np.asarray(np.abs(drawn @ _per_group(gap, number)).sum(axis=1) / rows, np.float64)


def _share(part: Counts, whole: Counts) -> Counts:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _between(values: Counts) -> Pair:
    outside = 100 * (1 - LEVEL) / 2
    low, high = np.nanpercentile(values, [outside, 100 - outside])
    return [float(low), float(high)]
