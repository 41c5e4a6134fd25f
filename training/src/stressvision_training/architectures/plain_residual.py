"""Ours: 3x3 convolutions, batch normalisation, ReLU and additions, which lose nothing in INT8 and run dense on ARM."""

from typing import Any, Literal

from msgspec import Struct

from stressvision_training.architectures.blocks import convolved
from stressvision_training.bounds import Positive, Share, Side


class Stage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`blocks` residual blocks of `filters`, of which the first one's `stride` shrinks the picture.

    `inner_filters` lie between the two convolutions of a block, as many as `filters` unless given.
    """

    filters: Positive
    inner_filters: Positive | None = None
    blocks: Positive
    stride: Positive = 1


class PlainResidual(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="plain-residual"
):
    """A stem of one convolution, then `stages`, global average pooling and dropout. It takes pictures of any side."""

    input_size: Side = 48
    channels: Literal[1] = 1
    stem_filters: Positive
    stem_kernel: Positive = 3
    stem_stride: Positive = 1
    stages: list[Stage]
    dropout: Share

    any_size = True

    def features(self, faces: Any) -> Any:
        """Return n x filters features of n grey faces with levels 0..255."""
        from keras import layers

        x = layers.Rescaling(1 / 64, -2.0, name="normalise")(faces)
        x = convolved(x, self.stem_filters, self.stem_kernel, self.stem_stride)
        for stage in self.stages:
            for number in range(stage.blocks):
                x = _block(
                    x, stage.inner_filters or stage.filters, stage.filters, stride=stage.stride if number == 0 else 1
                )
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        return layers.Dropout(self.dropout, name="dropout")(x)


def _block(x: Any, inner: int, filters: int, *, stride: int) -> Any:
    """A block begins as its shortcut: the last scale is zero (Goyal et al. 2017, section 5.1)."""
    from keras import layers

    y = convolved(convolved(x, inner, stride=stride), filters, activation=None, gain="zeros")
    if stride > 1:
        x = layers.AveragePooling2D(stride, padding="same")(x)
    if stride > 1 or x.shape[-1] != filters:
        x = convolved(x, filters, 1, activation=None)
    return layers.ReLU()(layers.Add()([x, y]))
