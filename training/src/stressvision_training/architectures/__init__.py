"""The architectures a recipe may name, one module for each family, and how any of them becomes a network.

An architecture is a frozen Struct whose tag is its name: its fields are the numbers a recipe sets, `features` is the
network up to its heads, `input_size` and `channels` say what it is fed, and `any_size` whether other sides will do.
One with a backbone has `weights` and `downloads`, too. All are fed grey faces: those made for colours repeat the level
inside the graph, so that a device feeds every model alike.
"""

from collections.abc import Sequence
from typing import Any

from stressvision_training.architectures.custom_light import CustomLight
from stressvision_training.architectures.inverted_residual import InvertedResidual
from stressvision_training.architectures.mobilenetv2 import MobileNetV2
from stressvision_training.architectures.mobilenetv3_small import MobileNetV3Small
from stressvision_training.architectures.plain_residual import PlainResidual
from stressvision_training.architectures.recurrent_cnn import RecurrentCnn
from stressvision_training.architectures.simple_cnn import SimpleCnn
from stressvision_training.architectures.vggface import VggFace
from stressvision_training.classes import HEAD_CLASSES, HeadClasses

WithBackbone = MobileNetV2 | MobileNetV3Small | VggFace
Architecture = PlainResidual | SimpleCnn | InvertedResidual | RecurrentCnn | CustomLight | WithBackbone


def build(architecture: Architecture, heads: Sequence[HeadClasses], *, fixed: bool = False) -> Any:
    """Return a Keras model from grey levels 0..255 (n x side x side x channels) to `{head: n x classes logits}`.

    `fixed` ties one that takes any side to its own, so that whoever loads it knows what to feed.
    """
    import keras
    from keras import layers

    side = None if architecture.any_size and not fixed else architecture.input_size
    faces = keras.Input((side, side, architecture.channels), name="face")
    features = architecture.features(faces)
    logits = {head: layers.Dense(len(HEAD_CLASSES[head]), dtype="float32", name=head)(features) for head in heads}
    return keras.Model(faces, logits, name=str(type(architecture).__struct_config__.tag).replace("-", "_"))
