"""The optimiser of a recipe, and the moving average of the weights that it moves."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.fitting.recipe import Optimiser, Plateau

SPARED = ("gamma", "beta", "bias")
"""Weight decay leaves scales, offsets and biases alone."""


def optimiser_of(how: Optimiser, epochs: int, steps: int) -> Any:
    """Return the Keras optimiser for `epochs` of `steps` batches."""
    import keras

    warmup = round(how.warmup_epochs * steps)
    rate: Any = how.rate
    if how.plateau is None:
        rate = keras.optimizers.schedules.CosineDecay(
            how.rate / 50 if warmup else how.rate,
            max(epochs * steps - warmup, 1),
            warmup_target=how.rate if warmup else None,
            warmup_steps=warmup,
        )
    if how.kind == "adam":
        optimiser = keras.optimizers.AdamW(rate, beta_1=how.momentum, weight_decay=how.decay)
    else:
        decay = how.decay or None
        optimiser = keras.optimizers.SGD(rate, momentum=how.momentum, nesterov=how.momentum > 0, weight_decay=decay)
    optimiser.exclude_from_weight_decay(var_names=list(SPARED))
    return optimiser


def plateau_rate(rate: float, how: Plateau, figures: Sequence[float]) -> float:
    """Return the rate for the epoch after those whose watched figures are given, more being better."""
    best, waited = float("-inf"), 0
    for figure in figures:
        best, waited = max(best, figure), 0 if figure > best else waited + 1
        if waited >= how.patience:
            rate, waited = max(rate * how.factor, how.least), 0
    return rate


class Average:
    """The moving average of a network's weights, in the order of `get_weights`."""

    def __init__(self, weights: list[NDArray[np.float32]], decay: float) -> None:
        self.weights = [weight.copy() for weight in weights]
        self._decay = decay

    def follow(self, network: Any, step: int) -> None:
        """Move towards the weights of `network` after its step `step`, counted from 0 over the whole run.

        Early on the average would otherwise hold the random start for hundreds of steps.
        """
        keep = min(self._decay, (1 + step) / (10 + step))
        for number, now in enumerate(network.get_weights()):
            self.weights[number] = keep * self.weights[number] + (1 - keep) * now
