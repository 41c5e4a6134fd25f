"""Document 2's net: depthwise separable convolutions and inverted residual blocks, from scratch.

The document gives no layer, so these are MobileNetV2's blocks (Sandler et al. 2018), scaled to 48 pixels.
"""

from typing import Any, ClassVar, Literal

from msgspec import Struct

from stressvision_training.architectures.blocks import convolved, normalised
from stressvision_training.bounds import Positive, Share, Side


class InvertedStage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`blocks` inverted residuals to `filters`, each `expansion` times as wide inside; the first has the `stride`."""

    filters: Positive
    blocks: Positive
    expansion: Positive
    stride: Positive = 1


class InvertedResidual(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="inverted-residual"
):
    """A convolution, a depthwise separable one, `stages`, a 1x1 convolution and global pooling."""

    input_size: Side = 48
    stem_filters: Positive
    separable_filters: Positive
    stages: list[InvertedStage]
    top_filters: Positive
    dropout: Share

    channels: ClassVar[Literal[1]] = 1
    any_size = True

    def features(self, faces: Any) -> Any:
        """Return n x top_filters features of n grey faces with levels 0..255."""
        from keras import layers

        x = layers.Rescaling(1 / 127.5, -1.0, name="normalise")(faces)
        x = convolved(x, self.stem_filters, activation="relu6")
        x = convolved(_depthwise(x, 2), self.separable_filters, 1, activation="relu6")
        for stage in self.stages:
            for number in range(stage.blocks):
                x = _inverted(x, stage.filters, stage.expansion, stage.stride if number == 0 else 1)
        x = convolved(x, self.top_filters, 1, activation="relu6")
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        return layers.Dropout(self.dropout, name="dropout")(x)


def _depthwise(x: Any, stride: int) -> Any:
    from keras import layers

    options = {"padding": "same", "use_bias": False, "depthwise_initializer": "he_normal"}
    return normalised(layers.DepthwiseConv2D(3, stride, **options)(x), "relu6")


def _inverted(x: Any, filters: int, expansion: int, stride: int) -> Any:
    from keras import layers

    y = convolved(x, x.shape[-1] * expansion, 1, activation="relu6")
    y = convolved(_depthwise(y, stride), filters, 1, activation=None)
    return layers.Add()([x, y]) if stride == 1 and x.shape[-1] == filters else y
