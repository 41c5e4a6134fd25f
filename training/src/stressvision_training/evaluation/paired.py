"""Two models on the same rows: whether one is better, or the rows fell so."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.evaluation.intervals import weighted_interval


def compared(
    one: NDArray[np.float32], other: NDArray[np.float32], truth: NDArray[np.int64], groups: NDArray[np.str_]
) -> dict[str, Any]:
    """Return how two models differ in accuracy over n rows, with McNemar's exact test and a paired 95 % interval.

    `one` and `other` are n x labels. The test asks whether the rows that only one of them gets right fall evenly
    (McNemar 1947; exact, as the binomial of those rows).
    """
    from scipy.stats import binomtest

    even = np.ones(len(truth), np.float32)
    first, second = (given.argmax(axis=1) == truth for given in (one, other))
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    apart = only_first + only_second
    return {
        "rows": len(truth),
        "accuracy": float(first.mean()),
        "other_accuracy": float(second.mean()),
        "only_this_right": only_first,
        "only_other_right": only_second,
        "difference": float(first.mean() - second.mean()),
        "interval": weighted_interval(first.astype(np.float32) - second, even, groups),
        "p_value": float(binomtest(only_first, apart).pvalue) if apart else 1.0,
    }
