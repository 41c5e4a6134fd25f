"""Document 5's second option: a strided convolution and three separable ones, for a processor without accelerator."""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from stressvision_training.architectures.blocks import coloured, convolved, normalised
from stressvision_training.bounds import Positive, Share, Side


class CustomLight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="custom-light"):
    """`filters` of the first convolution and the separable ones, and the units of the dense layer before the head."""

    input_size: Side = 160
    filters: tuple[Positive, ...] = (32, 64, 128, 256)
    dense: Positive = 128
    dropout: Share

    channels: ClassVar[Literal[1]] = 1
    any_size = True

    def features(self, faces: Any) -> Any:
        """Return n x dense features of n grey faces with levels 0..255."""
        from keras import layers

        x = layers.Rescaling(1 / 255, name="normalise")(coloured(faces))
        x = layers.MaxPooling2D(2)(convolved(x, self.filters[0], stride=2))
        for number, filters in enumerate(self.filters[1:], 1):
            x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x)
            x = normalised(x)
            if number < len(self.filters) - 1:
                x = layers.MaxPooling2D(2)(x)
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dropout(self.dropout, name="dropout")(x)
        return layers.Dense(self.dense, activation="relu", name="dense")(x)
