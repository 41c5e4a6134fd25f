"""From labels and votes to what the network is asked to say, and the loss that asks it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.classes import FINE
from stressvision_training.dataset import Dataset
from stressvision_training.ferplus import emotion_votes
from stressvision_training.rows import EMOTIONS


def soft_targets(data: Dataset, votes_share: float) -> NDArray[np.float32]:
    """Return n x fine classes: a distribution where the label names one class, ones for all that it leaves open.

    A distribution is the label's own with weight 1 - `votes_share` and FER+'s votes with the rest; where nobody voted
    for one of the seven emotions, the label stands alone.
    """
    targets = data.allowed.astype(np.float32)
    votes = emotion_votes(data.votes)
    total = votes.sum(axis=1, keepdims=True)
    voted = (total[:, 0] > 0) & (data.allowed.sum(axis=1) == 1)
    columns = [FINE[data.scheme].index(emotion) for emotion in EMOTIONS]
    spread = np.zeros_like(targets)
    spread[:, columns] = votes / np.maximum(total, 1)
    targets[voted] = (1 - votes_share) * targets[voted] + votes_share * spread[voted]
    return targets


def candidate_loss(targets: Any, logits: Any) -> Any:
    """Return the cross-entropy per row; for a row of ones (see `soft_targets`), minus the log of their total.

    The second is the loss of learning from candidate labels: it pulls towards no one of them.
    """
    from keras import ops

    logits = ops.cast(logits, "float32")
    log_p = ops.log_softmax(logits, axis=-1)
    entropy = -ops.sum(targets * log_p, axis=-1)
    inside = ops.logsumexp(ops.where(targets > 0, log_p, -1e9), axis=-1)
    return ops.where(ops.sum(targets, axis=-1) > 1.5, -inside, entropy)
