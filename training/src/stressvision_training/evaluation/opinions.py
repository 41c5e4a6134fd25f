"""A model against what all voters said, not only their winner: the one way to credit a face that is ambiguous."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LabelScheme
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.ferplus import grouped_votes


def against_votes(probabilities: NDArray[np.float32], data: Dataset, scheme: LabelScheme) -> dict[str, Any] | None:
    """Return scores against FER+'s vote distributions, grouped into the scheme's labels; None where nobody voted.

    Cross-entropy and Kullback-Leibler divergence are in nats. `one_voter` is the share of single voters whom the
    given label agrees with, and `one_voter_ceiling` that of a model that always names the winner.
    """
    votes = grouped_votes(data.votes, scheme)
    voted = votes.sum(axis=1) > 0
    if not voted.any():
        return None
    q = votes[voted] / votes[voted].sum(axis=1, keepdims=True)
    p = np.clip(probabilities[voted], 1e-7, 1)
    entropy = -np.where(q > 0, q * np.log(np.maximum(q, 1e-12)), 0).sum(axis=1)
    cross = -(q * np.log(p)).sum(axis=1)
    return {
        "rows": int(voted.sum()),
        "cross_entropy": float(cross.mean()),
        "kl_divergence": float((cross - entropy).mean()),
        "brier": float(((p - q) ** 2).sum(axis=1).mean()),
        "one_voter": float(q[np.arange(len(q)), p.argmax(axis=1)].mean()),
        "one_voter_ceiling": float(q.max(axis=1).mean()),
    }
