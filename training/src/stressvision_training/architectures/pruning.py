"""Begin a smaller plain residual network with the weights of a larger one: whole filters and blocks are left out.

What is left keeps its weights, so a few epochs bring back what the cut has cost (Li et al. 2017, "Pruning filters for
efficient convnets"). Normalisations keep the larger network's means and variances until training renews them.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm


class _Convolution(NamedTuple):
    """A convolution and the normalisation behind it."""

    filters: Any
    scale: Any


class _Block(NamedTuple):
    first: _Convolution
    second: _Convolution
    shortcut: _Convolution | None
    """None where the block adds to its own input."""


def prune(larger: Any, network: Any) -> None:
    """Give `network` the weights of `larger`; of each block's inner filters it takes those that pass on most.

    Blocks that `network` lacks are left out, the first ones that may be: those that add to their own input, which
    goes on without them (Veit et al. 2016). `ValueError` when `network` is not `larger` made smaller in these ways.
    """
    remaining, blocks = _blocks(larger), _blocks(network)
    outside = zip(_outside(larger, remaining), _outside(network, blocks), strict=True)
    for theirs, ours in outside:
        ours.set_weights(theirs.get_weights())
    for block in blocks:
        while remaining and not _holds(remaining[0], block):
            _leave(remaining.pop(0))
        if not remaining:
            raise ValueError("it has a block that the larger network lacks")
        _copy(remaining.pop(0), block)
    for block in remaining:
        _leave(block)


def _blocks(network: Any) -> list[_Block]:
    from keras import layers

    additions = (layer for layer in network.layers if isinstance(layer, layers.Add))
    return [_block(*(_before(tensor) for tensor in addition.input)) for addition in additions]


def _block(entrance: Any, last: Any) -> _Block:
    from keras import layers

    second = _convolution(last)
    first = _convolution(_before(_before(second.filters.input).input))  # an activation lies between them
    return _Block(first, second, _convolution(entrance) if isinstance(entrance, layers.BatchNormalization) else None)


def _convolution(scale: Any) -> _Convolution:
    from keras import layers

    if isinstance(scale, layers.BatchNormalization) and isinstance(filters := _before(scale.input), layers.Conv2D):
        return _Convolution(filters, scale)
    raise ValueError("its blocks are not those of a plain residual network")


def _before(tensor: Any) -> Any:
    """Return the layer that a symbolic tensor comes from; of it Keras has no public word."""
    return tensor._keras_history.operation


def _outside(network: Any, blocks: list[_Block]) -> Iterator[Any]:
    inside = {id(layer) for block in blocks for part in block if part for layer in part}
    return (layer for layer in network.layers if layer.weights and id(layer) not in inside)


def _holds(larger: _Block, block: _Block) -> bool:
    """Say whether `block` is `larger`, or that with fewer inner filters."""
    theirs, ours = larger.first.filters, block.first.filters
    return (
        (larger.shortcut is None) == (block.shortcut is None)
        and theirs.strides == ours.strides
        and theirs.filters >= ours.filters
        and theirs.kernel.shape[:3] == ours.kernel.shape[:3]
        and larger.second.filters.filters == block.second.filters.filters
    )


def _leave(block: _Block) -> None:
    if block.shortcut is not None:
        raise ValueError("it lacks a block of the larger network that does more than add to its input")


def _copy(larger: _Block, block: _Block) -> None:
    kept = _strongest(larger, block.first.filters.filters)
    block.first.filters.set_weights([larger.first.filters.get_weights()[0][..., kept]])
    block.first.scale.set_weights([weights[kept] for weights in larger.first.scale.get_weights()])
    block.second.filters.set_weights([larger.second.filters.get_weights()[0][:, :, kept]])
    block.second.scale.set_weights(larger.second.scale.get_weights())
    if larger.shortcut is not None and block.shortcut is not None:
        for theirs, ours in zip(larger.shortcut, block.shortcut, strict=True):
            ours.set_weights(theirs.get_weights())


def _strongest(block: _Block, count: int) -> NDArray[np.intp]:
    """Return, in order, which `count` inner filters give most power to what the block adds.

    A filter's share is the mean square of what it passes on, of a ReLU behind a normalisation with scale g and shift b
    (b² + g²) Φ(b/g) + b g φ(b/g) if its input is Gaussian, times the squares of the weights that take it up.
    """
    scale, shift = block.first.scale.get_weights()[:2]
    scale = np.abs(scale) + 1e-9
    ratio = shift / scale
    passed = (shift**2 + scale**2) * norm.cdf(ratio) + shift * scale * norm.pdf(ratio)
    gain, _, _, variance = block.second.scale.get_weights()
    taken_up = block.second.filters.get_weights()[0] * gain / np.sqrt(variance + block.second.scale.epsilon)
    power = passed * np.square(taken_up).sum(axis=(0, 1, 3))
    return np.sort(np.argsort(-power, kind="stable")[:count])
