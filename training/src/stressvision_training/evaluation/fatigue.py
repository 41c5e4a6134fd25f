"""How often fatigue is seen where it is, and where it is not."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5
from stressvision_training.classes import ALERT
from stressvision_training.data.dataset import Dataset
from stressvision_training.evaluation.intervals import LEVEL, Pair, weighted_interval

Rows = NDArray[np.bool_]


def fatigue_report(probabilities: NDArray[np.float32], data: Dataset) -> dict[str, Any]:
    """Return the shares of faces taken for fatigue, by what they are and where they come from.

    A share of false fatigue on the alert controls far above that on FER-2013 says that the network learnt the camera.
    `balanced_against_alert` is the mean of the shares of tired faces seen and of alert ones spared, as if there were
    as many of both.
    """
    seen, groups = _seen(probabilities), _groups(data)
    found: dict[str, Any] = {
        name: {"rows": int(rows.sum()), "share": float(seen[rows].mean())} for name, rows in groups.items()
    }
    if "recall" in found and "false_on_alert_controls" in found:
        share = (found["recall"]["share"] + 1 - found["false_on_alert_controls"]["share"]) / 2
        rows = found["recall"]["rows"] + found["false_on_alert_controls"]["rows"]
        found["balanced_against_alert"] = {"rows": rows, "share": share}
    return found


def fatigue_intervals(probabilities: NDArray[np.float32], data: Dataset) -> dict[str, Pair]:
    """Return the 95 % interval of each share of `fatigue_report`."""
    seen, groups = _seen(probabilities), _groups(data)
    found = {name: _interval(seen[rows], data.groups[rows]) for name, rows in groups.items()}
    if "recall" in found and "false_on_alert_controls" in found:
        tired, alert = groups["recall"], groups["false_on_alert_controls"]
        rows = tired | alert
        even = np.where(tired, 1 / tired.sum(), 1 / alert.sum())[rows].astype(np.float32)
        right = np.where(tired, seen, ~seen)[rows].astype(np.float32)
        found["balanced_against_alert"] = weighted_interval(right, even, data.groups[rows])
    return found


def _seen(probabilities: NDArray[np.float32]) -> Rows:
    return np.asarray(probabilities.argmax(axis=1) == COMPANY5.index("fatigue"))


def _groups(data: Dataset) -> dict[str, Rows]:
    tired, custom = data.labels == "fatigue", np.char.startswith(data.sources, "custom")
    groups = {
        "recall": tired,
        "false_on_fer2013": data.sources == "fer2013",
        "false_on_alert_controls": data.labels == ALERT,
        "false_on_custom": custom & ~tired & (data.labels != ALERT),
    }
    for source in sorted(set(data.sources[custom].tolist())):
        name, here = source.removeprefix("custom:"), data.sources == source
        groups |= {f"recall_{name}": here & tired, f"false_on_{name}": here & ~tired}
    return {name: rows for name, rows in groups.items() if rows.any()}


def _interval(seen: Rows, groups: NDArray[np.str_]) -> Pair:
    """Return the interval of the share of `seen`; exact where all rows agree, for drawing those again varies nothing.

    The exact one (Clopper and Pearson 1934) counts each group of rows once.
    """
    if 0 < seen.sum() < len(seen):
        return weighted_interval(seen.astype(np.float32), np.ones(len(seen), np.float32), groups)
    from scipy.stats import binomtest

    number = len(np.unique(groups))
    sure = binomtest(number if seen.all() else 0, number).proportion_ci(LEVEL)
    return [float(sure.low), float(sure.high)]
