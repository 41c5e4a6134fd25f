"""Shift the logit of fatigue, which training data show far more rarely than every other label."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5
from stressvision_training.architectures.network import softmax
from stressvision_training.classes import ALERT, HEAD_CLASSES, HeadClasses, summing_matrix
from stressvision_training.data.dataset import Dataset

FALSE_ON_FER2013: Final = 0.005
"""No shift may take more of FER-2013's faces for fatigue: it has none, so each of them is a false alarm."""

OFFSETS: Final = np.round(np.arange(0.0, 4.05, 0.1), 1)
FATIGUE: Final = COMPANY5.index("fatigue")


def fit_fatigue_offset(logits: NDArray[np.float32], validation: Dataset, head: HeadClasses) -> float:
    """Return what to add to the logit of fatigue for the best balanced accuracy against alert faces; 0 without any.

    `logits` are those of `head` for the rows of `validation`.

    It is a post-hoc logit adjustment (Menon et al. 2021, section 3.2) with one constant, fitted on validation rows.
    """
    tired, alert = validation.labels == "fatigue", validation.labels == ALERT
    fer2013 = validation.sources == "fer2013"
    if not (tired.any() and alert.any()) or "fatigue" not in HEAD_CLASSES[head]:
        return 0.0
    best, chosen = -1.0, 0.0
    for offset in OFFSETS.tolist():
        seen = _sees_fatigue(logits, head, offset)
        if fer2013.any() and seen[fer2013].mean() > FALSE_ON_FER2013:
            break
        balanced = float(seen[tired].mean() + 1 - seen[alert].mean()) / 2
        if balanced > best:
            best, chosen = balanced, offset
    return chosen


def _sees_fatigue(logits: NDArray[np.float32], head: HeadClasses, offset: float) -> NDArray[np.bool_]:
    moved = logits.copy()
    moved[:, HEAD_CLASSES[head].index("fatigue")] += offset
    labels = softmax(moved) @ summing_matrix(head, "company5")
    return np.asarray(labels.argmax(axis=1) == FATIGUE)


def shift_fatigue(network: Any, head: HeadClasses, offset: float) -> None:
    """Add `offset` to the bias of fatigue in `head` of `network`, in place."""
    layer = network.get_layer(head)
    kernel, bias = layer.get_weights()
    bias[HEAD_CLASSES[head].index("fatigue")] += offset
    layer.set_weights([kernel, bias])
