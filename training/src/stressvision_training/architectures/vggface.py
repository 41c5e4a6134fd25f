"""Document 3's transfer nets: VGG16 as trained on faces, and a dense layer of 256 with dropout before the head."""

from typing import Any, ClassVar, Final, Literal

from msgspec import Struct

from stressvision_training.architectures.backbone import NONE, backbone
from stressvision_training.architectures.blocks import coloured
from stressvision_training.bounds import Positive, Share, Side

DOWNLOADS: Final = {
    "vggface": "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/rcmalli_vggface_tf_notop_vgg16.h5",
    "imagenet": "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/"
    "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5",
}
MEANS: Final = {"imagenet": (103.939, 116.779, 123.68)}
FACE_MEANS: Final = (93.594, 104.7624, 129.1863)
"""Levels that the weights were trained to have subtracted, blue first (keras_vggface.utils, version 1)."""


class VggFace(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="name", tag="vggface"):
    """`weights` are `vggface`, `imagenet`, `none` or a file; 14,847,815 parameters with a head of seven.

    Which layers learn is the recipe's `tuning`: none of the backbone to extract features, `block5` to fine-tune.
    """

    input_size: Side = 224
    weights: str = "vggface"
    dense: Positive = 256
    dropout: Share = 0.5

    channels: ClassVar[Literal[1]] = 1
    any_size = False

    @property
    def downloads(self) -> dict[str, str]:
        """Where named weights lie."""
        return DOWNLOADS

    def features(self, faces: Any) -> Any:
        """Return n x dense features of n grey faces with levels 0..255."""
        from keras import applications, layers

        side = (self.input_size, self.input_size, 3)
        made = applications.VGG16(input_shape=side, include_top=False, weights=None)
        if self.weights == NONE:
            scale, offset = 1 / 64, [-mean / 64 for mean in FACE_MEANS]  # about one, as He's kernels keep it
        else:
            scale, offset = 1.0, [-mean for mean in MEANS.get(self.weights, FACE_MEANS)]
        x = layers.Rescaling(scale, offset, name="normalise")(coloured(faces))
        x = layers.GlobalAveragePooling2D(name="pool")(backbone(made, self.weights)(x))
        x = layers.Dense(self.dense, activation="relu", name="dense")(x)
        return layers.Dropout(self.dropout, name="dropout")(x)
