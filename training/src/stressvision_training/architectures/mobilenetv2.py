"""Document 1's net: MobileNetV2 as trained on ImageNet, with a new head.

The document gives neither size nor head: 96 pixels are twice FER-2013's and the least there are ImageNet weights for.
"""

from typing import Annotated, Any, ClassVar, Final, Literal

from msgspec import Meta, Struct

from stressvision_training.architectures.backbone import backbone
from stressvision_training.architectures.blocks import coloured
from stressvision_training.bounds import Share, Side

WEIGHTS: Final = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
SIDES: Final = (96, 128, 160, 192, 224)


class MobileNetV2(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="mobilenetv2"):
    """`weights` are `imagenet`, `none` or a file; `width` multiplies the filters."""

    input_size: Side = 96
    weights: str = "imagenet"
    width: Annotated[float, Meta(gt=0.0, le=2.0)] = 1.0
    dropout: Share

    channels: ClassVar[Literal[1]] = 1
    any_size = False

    @property
    def downloads(self) -> dict[str, str]:
        """Where named weights lie."""
        side = self.input_size if self.input_size in SIDES else 224
        file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{float(self.width)}_{side}_no_top.h5"
        return {"imagenet": WEIGHTS + file}

    def features(self, faces: Any) -> Any:
        """Return n x 1280 features (at width 1) of n grey faces with levels 0..255."""
        from keras import applications, layers

        side = (self.input_size, self.input_size, 3)
        made = applications.MobileNetV2(input_shape=side, alpha=self.width, include_top=False, weights=None)
        x = layers.Rescaling(1 / 127.5, -1.0, name="normalise")(coloured(faces))
        x = layers.GlobalAveragePooling2D(name="pool")(backbone(made, self.weights)(x))
        return layers.Dropout(self.dropout, name="dropout")(x)
