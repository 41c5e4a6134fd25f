"""From labels and votes to what each head is asked to say, and the loss that asks it.

A row of targets is a distribution over the head's classes; or ones for all that its label leaves open, when that is
more than one; or zeros, when the head is not asked about this face.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.classes import HEAD_CLASSES, HeadClasses, open_classes
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.ferplus import grouped_votes, majority
from stressvision_training.data.rows import EMOTIONS, SourceError
from stressvision_training.fitting.recipe import Head

Targets = NDArray[np.float32]
Loss = Callable[[Any, Any], Any]
"""Of targets and logits, a loss per row."""


def targets_of(data: Dataset, head: Head) -> Targets:
    """Return n x classes targets of `head`, by the source of labels that it names."""
    own = _own(data, head.classes)
    fer2013 = ~np.char.startswith(data.sources, "custom")
    voted = _voted(data, head)
    has_votes = fer2013 & (voted.sum(axis=1) > 0)
    targets = own.copy()
    if head.labels == "mixture":
        single = has_votes & (own.sum(axis=1) == 1)
        targets[single] = (1 - head.votes) * own[single] + head.votes * voted[single]
    elif head.labels != "fer2013":
        targets[fer2013] = np.where(has_votes[fer2013, None], voted[fer2013], 0)
    one = np.isclose(targets.sum(axis=1), 1)
    targets[one] = (1 - head.smoothing) * targets[one] + head.smoothing / targets.shape[1]
    return targets


def check_votes(data: Dataset, head: Head) -> None:
    """Raise `SourceError` when a head is to learn from FER+'s votes and FER-2013's rows here have none."""
    fer2013 = ~np.char.startswith(data.sources, "custom")
    if head.labels in ("fer2013", "mixture") or not fer2013.any() or data.votes[fer2013].any():
        return
    raise SourceError(
        f"the head {head.classes} learns from {head.labels}, but none of the {int(fer2013.sum())} training rows of "
        "FER-2013 has FER+ votes; `prepare --ferplus`, or --set labels=fer2013"
    )


def _own(data: Dataset, classes: HeadClasses) -> Targets:
    names = HEAD_CLASSES[classes]
    targets = np.zeros((len(data), len(names)), np.float32)
    foreign = data.scheme == "company5" and classes == "fer7"
    for number, (label, source) in enumerate(zip(data.labels.tolist(), data.sources.tolist(), strict=True)):
        custom = source.startswith("custom")
        if custom and foreign:
            continue  # `neutral` of the company is wider than FER-2013's
        for name in open_classes(label, classes, custom=custom):
            targets[number, names.index(name)] = 1
    return targets


def _voted(data: Dataset, head: Head) -> Targets:
    if head.labels == "majority":
        return _of_majority(data, head.classes)
    votes = grouped_votes(data.votes, head.classes)
    return np.asarray(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1), np.float32)


def _of_majority(data: Dataset, classes: HeadClasses) -> Targets:
    names = HEAD_CLASSES[classes]
    targets = np.zeros((len(data), len(names)), np.float32)
    for row, number in enumerate(majority(data.votes).tolist()):
        if number >= 0:
            (name,) = open_classes(EMOTIONS[number], classes, custom=False)
            targets[row, names.index(name)] = 1
    return targets


def head_loss(targets: Any, logits: Any) -> Any:
    """Return the loss per row: cross-entropy; of a row of ones, minus the log of their total; of zeros, nothing.

    The second is the loss of learning from candidate labels: it pulls towards no one of them.
    """
    from keras import ops

    log_p = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    entropy = -ops.sum(targets * log_p, axis=-1)
    inside = ops.logsumexp(ops.where(targets > 0, log_p, -1e9), axis=-1)
    total = ops.sum(targets, axis=-1)
    return ops.where(total > 1.5, -inside, ops.where(total > 0.5, entropy, 0.0))


def class_shares(targets: Targets) -> NDArray[np.float32]:
    """Return the share of each class in targets; the rows that leave several classes open do not count."""
    plain = targets[np.isclose(targets.sum(axis=1), 1)]
    counts = plain.sum(axis=0) + 1.0
    return np.asarray(counts / counts.sum(), np.float32)


def adjusted(loss: Loss, shares: NDArray[np.float32], adjustment: float) -> Loss:
    """Return `loss` on logits that are shifted in favour of frequent classes, so that unshifted ones favour none.

    Logit adjustment: Menon et al. 2021, equation 10.
    """
    shift = adjustment * np.log(shares)

    def of_shifted(targets: Any, logits: Any) -> Any:
        from keras import ops

        return loss(targets, ops.cast(logits, "float32") + shift)

    return of_shifted
