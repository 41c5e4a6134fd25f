"""How unevenly a model serves the people in the data, without asking who they are."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.dataset import Dataset

LEAST_ROWS: Final = 2
"""Fewer faces of a person say nothing about the spread between people."""
LEAST_PERSONS: Final = 10
"""Fewer persons have no tenth percentile."""


def spread(right: NDArray[np.bool_], data: Dataset) -> dict[str, Any] | None:
    """Return the accuracy of the median person, of the one at the tenth percentile and of the worst.

    `right` (n) is whether each row of `data` was named rightly. None where no person is known, and no such figures
    where fewer than `LEAST_PERSONS` have `LEAST_ROWS` rows.
    """
    known = data.subjects != ""
    if not known.any():
        return None
    who = np.char.add(np.char.add(data.sources[known], "/"), data.subjects[known])
    names, number, rows = np.unique(who, return_inverse=True, return_counts=True)
    shares = np.bincount(number, right[known]) / rows
    enough = shares[rows >= LEAST_ROWS]
    found: dict[str, Any] = {"persons": len(names), "least_rows": LEAST_ROWS, "with_enough": len(enough)}
    found["least_persons"] = LEAST_PERSONS
    if len(enough) >= LEAST_PERSONS:
        low, middle = np.percentile(enough, [10, 50])
        found |= {"median": float(middle), "p10": float(low), "worst": float(enough.min())}
    return found
