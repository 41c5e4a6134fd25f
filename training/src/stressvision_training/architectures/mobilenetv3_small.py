"""Document 5's first option: MobileNetV3-Small as trained on ImageNet, and two dense layers before the head."""

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct

from stressvision_training.architectures.backbone import backbone
from stressvision_training.architectures.blocks import coloured
from stressvision_training.bounds import Positive, Share, Side

WEIGHTS: Final = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v3/"


class MobileNetV3Small(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="mobilenetv3-small"
):
    """`weights` are `imagenet`, `none` or a file; `dense` has units, L2 and, before each layer, dropout.

    `minimalistic` leaves out what INT8 bears badly: squeeze-and-excitation, hard-swish, 5x5 kernels.
    """

    input_size: Side = 160
    weights: str = "imagenet"
    minimalistic: bool = False
    dense: tuple[Positive, ...] = (256, 128)
    dropout: tuple[Share, ...] = (0.3, 0.2)
    l2: Annotated[float, Meta(ge=0.0)] = 0.001

    channels: ClassVar[Literal[1]] = 1
    any_size = False

    def __post_init__(self) -> None:
        if len(self.dense) != len(self.dropout):
            raise ValueError(f"{len(self.dense)} dense layers with {len(self.dropout)} dropouts; give one for each")

    @property
    def downloads(self) -> dict[str, str]:
        """Where named weights lie."""
        kind = "small_minimalistic" if self.minimalistic else "small"
        return {"imagenet": f"{WEIGHTS}weights_mobilenet_v3_{kind}_224_1.0_float_no_top_v2.h5"}

    def features(self, faces: Any) -> Any:
        """Return n x dense[-1] features of n grey faces with levels 0..255; the backbone scales them to -1..1."""
        from keras import applications, layers, regularizers

        made = applications.MobileNetV3Small(
            input_shape=(self.input_size, self.input_size, 3),
            minimalistic=self.minimalistic,
            include_top=False,
            weights=None,
        )
        x = layers.GlobalAveragePooling2D(name="pool")(backbone(made, self.weights)(coloured(faces)))
        for units, dropout in zip(self.dense, self.dropout, strict=True):
            x = layers.Dropout(dropout)(x)
            x = layers.Dense(units, activation="relu", kernel_regularizer=regularizers.L2(self.l2))(x)
            x = layers.BatchNormalization()(x)
        return x
