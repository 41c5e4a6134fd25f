"""Pruning: without filters and blocks that do nothing a network says the same; one that is not smaller is refused."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stressvision_training.architectures.plain_residual import PlainResidual, Stage

pytestmark = pytest.mark.train

LARGER = [
    Stage(filters=8, blocks=2),
    Stage(filters=16, blocks=3, stride=2),
    Stage(filters=24, inner_filters=20, blocks=1, stride=2),
]
SMALLER = [
    Stage(filters=16, inner_filters=5, blocks=2, stride=2),
    Stage(filters=24, inner_filters=16, blocks=1, stride=2),
]


def _network(stages: list[Stage], stem_filters: int = 8) -> Any:
    from stressvision_training.architectures import build

    return build(PlainResidual(stem_filters=stem_filters, stages=stages, dropout=0.0), ["fer7"])


def _shaken(network: Any, seed: int = 0) -> Any:
    """Give it weights at which every layer counts; variances stay above zero."""
    rng = np.random.default_rng(seed)
    network.set_weights(
        [rng.uniform(0.2, 1.0, weights.shape) * rng.choice([-1, 1], weights.shape) for weights in network.get_weights()]
    )
    for layer in _normalisations(network):
        layer.moving_variance.assign(np.abs(layer.moving_variance))
    return network


def _normalisations(network: Any) -> list[Any]:
    from keras import layers

    return [layer for layer in network.layers if isinstance(layer, layers.BatchNormalization)]


def _silence(network: Any, block: int, dead: NDArray[np.bool_] | None, *, unheard: bool = False) -> None:
    """Make a block of LARGER add nothing; or some of its inner filters pass nothing on, or be `unheard` behind."""
    from keras import layers

    last = [layer for layer in network.layers if isinstance(layer, layers.Add)][block].input[1]._keras_history.operation
    if dead is None:
        last.set_weights([weights * keep for weights, keep in zip(last.get_weights(), (0, 0, 1, 1), strict=True)])
        return
    second = last.input._keras_history.operation
    if unheard:
        second.kernel.assign(np.where(dead[:, None], 0.0, second.kernel.numpy()))
        return
    first = second.input._keras_history.operation.input._keras_history.operation
    for variable, value in ((first.gamma, 0.0), (first.beta, -1.0)):  # behind a ReLU nothing is left of -1
        variable.assign(np.where(dead, value, variable.numpy()))


@pytest.mark.parametrize("seed", range(5))
def test_what_does_nothing_can_go(seed: int) -> None:
    from stressvision_training.architectures.pruning import prune

    larger, rng = _shaken(_network(LARGER), seed), np.random.default_rng(seed)
    for block in (0, 1, 4):  # the first stage, and the second one's third block
        _silence(larger, block, None)
    for block, (filters, kept) in {2: (16, 5), 3: (16, 5), 5: (20, 16)}.items():
        _silence(larger, block, rng.permutation(filters) >= kept, unheard=seed % 2 == 1)
    smaller = _network(SMALLER)
    prune(larger, smaller)
    faces = rng.uniform(0, 255, (4, 48, 48, 1)).astype(np.float32)
    said, before = (np.asarray(network(faces)["fer7"]) for network in (smaller, larger))
    np.testing.assert_allclose(said, before, rtol=1e-4, atol=1e-4 * np.abs(before).max())
    assert np.ptp(before, axis=0).min() > 0


@pytest.mark.parametrize(
    ("stages", "stem_filters", "says"),
    [
        ([*SMALLER, Stage(filters=24, blocks=1)], 8, "a block that the larger network lacks"),
        ([SMALLER[0], Stage(filters=24, inner_filters=21, blocks=1, stride=2)], 8, "does more than add to its input"),
        (SMALLER[:1], 8, "shape"),
        (SMALLER, 9, "shape"),
    ],
)
def test_what_is_not_a_smaller_one_is_refused(stages: list[Stage], stem_filters: int, says: str) -> None:
    from stressvision_training.architectures.pruning import prune

    with pytest.raises(ValueError, match=says):
        prune(_network(LARGER), _network(stages, stem_filters))
