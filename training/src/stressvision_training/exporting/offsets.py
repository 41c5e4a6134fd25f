"""What is added to a head's logits before export, where validation says that the head holds a label back.

Post-hoc logit adjustment (Menon et al. 2021, section 3.2), fitted on validation rows instead of the classes' shares.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5
from stressvision_training.architectures.network import softmax
from stressvision_training.classes import ALERT, HEAD_CLASSES, HeadClasses, summing_matrix
from stressvision_training.data.dataset import Dataset
from stressvision_training.evaluation.metrics import scores
from stressvision_training.evaluation.truth import truth_for

FALSE_ON_FER2013: Final = 0.0075
"""A quarter of the false fatigue that is allowed: FER-2013 has none, so each face that looks tired is a false alarm."""

STEPS: Final = np.round(np.arange(0.0, 4.05, 0.1), 1)
SAD_STEPS: Final = STEPS[STEPS <= 1.0]

Logits = NDArray[np.float32]


def fit_offsets(logits: Logits, validation: Dataset, head: HeadClasses) -> dict[str, float]:
    """Return what to add to the logits of `fatigue`, and then of `sad`, those of 0 left out.

    `logits` are those of `head` for the rows of `validation`. Training shows fatigue far more rarely than every other
    label: its offset is that of the best balanced accuracy against alert faces. Sad is what is taken for neutral most
    often: its offset is that of the best macro-F1 by the rule that `company5` follows. The least that does it is taken.
    """
    if "fatigue" not in HEAD_CLASSES[head]:
        return {}
    found = {"fatigue": _fit_fatigue(logits, validation, head)}
    found["sad"] = _fit_sad(_shifted(logits, head, found), validation, head)
    return {label: offset for label, offset in found.items() if offset}


def _fit_fatigue(logits: Logits, validation: Dataset, head: HeadClasses) -> float:
    tired, alert = validation.labels == "fatigue", validation.labels == ALERT
    fer2013 = validation.sources == "fer2013"
    if not (tired.any() and alert.any()):
        return 0.0
    best, chosen = -1.0, 0.0
    for offset in STEPS.tolist():
        seen = _probabilities(logits, head, {"fatigue": offset}).argmax(axis=1) == COMPANY5.index("fatigue")
        if fer2013.any() and seen[fer2013].mean() > FALSE_ON_FER2013:
            break
        balanced = float(seen[tired].mean() + 1 - seen[alert].mean()) / 2
        if balanced > best:
            best, chosen = balanced, offset
    return chosen


def _fit_sad(logits: Logits, validation: Dataset, head: HeadClasses) -> float:
    truth = truth_for(validation, "company5")
    judged = truth >= 0
    if not (truth == COMPANY5.index("sad")).any():
        return 0.0
    figures = [
        scores(_probabilities(logits[judged], head, {"sad": step}), truth[judged], COMPANY5)["macro_f1"]
        for step in SAD_STEPS.tolist()
    ]
    return float(SAD_STEPS[int(np.argmax(figures))])


def _probabilities(logits: Logits, head: HeadClasses, offsets: Mapping[str, float]) -> NDArray[np.float32]:
    total: NDArray[np.float32] = softmax(_shifted(logits, head, offsets)) @ summing_matrix(head, "company5")
    return total


def _shifted(logits: Logits, head: HeadClasses, offsets: Mapping[str, float]) -> Logits:
    moved = logits.copy()
    for label, offset in offsets.items():
        moved[:, HEAD_CLASSES[head].index(label)] += offset
    return moved


def shift(network: Any, head: HeadClasses, offsets: Mapping[str, float]) -> None:
    """Add `offsets` to the biases of their labels in `head` of `network`, in place."""
    layer = network.get_layer(head)
    kernel, bias = layer.get_weights()
    for label, offset in offsets.items():
        bias[HEAD_CLASSES[head].index(label)] += offset
    layer.set_weights([kernel, bias])
