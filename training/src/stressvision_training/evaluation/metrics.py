"""What a model's probabilities are worth against labels."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Bins of the expected calibration error, the usual number (Guo et al. 2017)."""

LEAST: Final = 1e-7
"""Keras's, so that a single zero leaves the mean a number."""


def confusion(truth: NDArray[np.int64], chosen: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """Return counts: row true class, column chosen class."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, chosen), 1)
    return counts


def scores(probabilities: NDArray[np.float32], truth: NDArray[np.int64], labels: tuple[str, ...]) -> dict[str, Any]:
    """Return accuracy, per-class and macro precision, recall and F1, AUC, log loss, ECE, and who is taken for whom.

    Macro figures average the classes that occur in `truth`, so that a split without fatigue is not marked down for it.
    """
    chosen = probabilities.argmax(axis=1)
    counts = confusion(truth, chosen, len(labels))
    hit, support, given = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    precision = hit / np.maximum(given, 1)
    recall = hit / np.maximum(support, 1)
    f1 = 2 * hit / np.maximum(support + given, 1)
    there = support > 0
    areas = [auc(probabilities[:, k], truth == k) for k in range(len(labels))]
    return {
        "rows": len(truth),
        "accuracy": float(hit.sum() / max(len(truth), 1)),
        "macro_precision": float(precision[there].mean()),
        "macro_recall": float(recall[there].mean()),
        "macro_f1": float(f1[there].mean()),
        "macro_auc": _mean([area for area in areas if area is not None]),
        "log_loss": log_loss(probabilities, truth),
        "ece": calibration_error(probabilities, truth),
        "per_class": {
            label: {
                "support": int(support[k]),
                "precision": float(precision[k]),
                "recall": float(recall[k]),
                "f1": float(f1[k]),
                "auc": areas[k],
            }
            for k, label in enumerate(labels)
        },
        "confusion": counts.tolist(),
        "most_common_errors": _worst(counts, labels),
    }


def auc(score: NDArray[np.float32], positive: NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve of one class against the rest, ties counted half; None without both."""
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return None
    _, place, size = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(size) - (size - 1) / 2)[place]
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def log_loss(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the mean of minus the log of what is given to the true class, in nats; no less than `LEAST` counts."""
    given = probabilities[np.arange(len(truth)), truth].astype(np.float64)
    return float(-np.log(np.maximum(given, LEAST)).mean())


def calibration_error(probabilities: NDArray[np.float32], truth: NDArray[np.int64]) -> float:
    """Return the expected calibration error of the chosen class over `BINS` equal bins, 0 to 1."""
    sure = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    gaps = [abs(right[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist())]
    return float(sum(gaps))


def _worst(counts: NDArray[np.int64], labels: tuple[str, ...]) -> list[dict[str, Any]]:
    off = counts - np.diag(np.diag(counts))
    pairs = sorted(np.argwhere(off > 0).tolist(), key=lambda pair: -off[pair[0], pair[1]])
    return [{"true": labels[i], "given": labels[j], "rows": int(off[i, j])} for i, j in pairs[:5]]


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None
