"""Document 4's net: recurrent convolutional layers.

The document breaks off after naming them, so these are Liang and Hu's (CVPR 2015): a layer's output goes back into it
through shared weights, three times, with batch normalisation where they had local response normalisation.
"""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from stressvision_training.architectures.blocks import convolved, normalised
from stressvision_training.bounds import Positive, Share, Side


class RecurrentCnn(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="recurrent-cnn"
):
    """A convolution, then a recurrent layer for each of `filters`, halving the picture before each, `steps` times."""

    input_size: Side = 48
    filters: tuple[Positive, ...] = (48, 64, 96)
    steps: Positive = 3
    dropout: Share

    channels: ClassVar[Literal[1]] = 1
    any_size = True

    def features(self, faces: Any) -> Any:
        """Return n x filters features of n grey faces with levels 0..255."""
        from keras import layers

        x = layers.Rescaling(1 / 127.5, -1.0, name="normalise")(faces)
        x = convolved(x, self.filters[0])
        for filters in self.filters:
            x = _recurrent(layers.MaxPooling2D(2)(x), filters, self.steps)
            x = layers.Dropout(self.dropout)(x)
        return layers.GlobalAveragePooling2D(name="pool")(x)


def _recurrent(x: Any, filters: int, steps: int) -> Any:
    """Return the last of x(0) = f(W·u), x(t) = f(W·u + R·x(t-1)); each step has a normalisation of its own."""
    from keras import layers

    options = {"padding": "same", "use_bias": False, "kernel_initializer": "he_normal"}
    forward = layers.Conv2D(filters, 3, **options)(x)
    back = layers.Conv2D(filters, 3, **options)
    state = normalised(forward)
    for _ in range(steps):
        state = normalised(layers.Add()([forward, back(state)]))
    return state
