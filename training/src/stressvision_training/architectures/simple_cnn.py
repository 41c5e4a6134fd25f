"""Document 3's own net: two convolutions with pooling, then the head on what is left of the picture."""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from stressvision_training.bounds import Positive, Side


class SimpleCnn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="simple-cnn"):
    """A 3x3 convolution, ReLU and 2x2 pooling for each of `filters`; 83,335 parameters with a head of seven."""

    input_size: Side = 48
    filters: tuple[Positive, ...] = (32, 64)

    channels: ClassVar[Literal[1]] = 1
    any_size = False

    def features(self, faces: Any) -> Any:
        """Return n x (side/4)² · filters features of n grey faces with levels 0..255."""
        from keras import layers

        x = layers.Rescaling(1 / 255, name="normalise")(faces)
        for filters in self.filters:
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
            x = layers.MaxPooling2D(2)(x)
        return layers.Flatten(name="flatten")(x)
