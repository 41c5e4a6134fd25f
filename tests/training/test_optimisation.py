"""The optimiser of a recipe: its rate at each step, what decays, and the average that follows the weights."""

from typing import Any

import numpy as np
import pytest

from stressvision_training.fitting.optimisation import Average, optimiser_of
from stressvision_training.fitting.recipe import Optimiser

pytestmark = pytest.mark.train


def _network() -> Any:
    import keras

    from stressvision_training.architectures.normalisation import FusedBatchNormalization

    network = keras.Sequential([keras.Input((1, 1, 1)), keras.layers.Conv2D(1, 1), FusedBatchNormalization()])
    network.set_weights([np.ones_like(weight) for weight in network.get_weights()])
    return network


@pytest.mark.parametrize(
    ("warmup", "rates"),
    [
        (0.0, {0: 0.1, 25: 0.05, 50: 0.0}),
        (1.0, {0: 0.002, 5: 0.051, 10: 0.1, 30: 0.05, 50: 0.0}),
    ],
)
def test_the_rate_rises_in_a_line_and_falls_as_a_cosine(warmup: float, rates: dict[int, float]) -> None:
    optimiser = optimiser_of(Optimiser(rate=0.1, warmup_epochs=warmup), epochs=5, steps=10)
    for step, rate in rates.items():
        optimiser.iterations.assign(step)
        assert float(optimiser.learning_rate) == pytest.approx(rate, abs=1e-7)


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_kernels_decay_and_scales_offsets_and_biases_do_not(kind: Any) -> None:
    weights = _network().trainable_weights
    optimiser = optimiser_of(Optimiser(kind=kind, rate=0.1, decay=0.5), epochs=1, steps=1)
    optimiser.apply([np.zeros(weight.shape, np.float32) for weight in weights], weights)
    found = {weight.name: float(np.asarray(weight).item()) for weight in weights}
    assert found == pytest.approx({"kernel": 0.95, "bias": 1, "gamma": 1, "beta": 1})


def test_the_average_follows_fast_at_first_and_then_by_its_decay() -> None:
    network = _network()
    average = Average([np.zeros_like(weight) for weight in network.get_weights()], decay=0.9)
    for step, expected in ((0, 0.9), (8, 0.95), (1000, 0.955)):
        average.follow(network, step)
        assert [weight.item() for weight in average.weights] == pytest.approx([expected] * 6)
