"""The architectures a recipe may name, one module for each family, and how any of them becomes a network.

An architecture is a frozen Struct whose tag is its name: its fields are the numbers a recipe sets, `features` is the
network up to its heads, `input_size` and `channels` say what it is fed, and `any_size` whether other sides will do.
"""

from collections.abc import Sequence
from typing import Any

from stressvision_training.architectures.plain_residual import PlainResidual
from stressvision_training.classes import HEAD_CLASSES, HeadClasses

Architecture = PlainResidual


def build(architecture: Architecture, heads: Sequence[HeadClasses]) -> Any:
    """Return a Keras model from grey levels 0..255 (n x side x side x channels) to `{head: n x classes logits}`."""
    import keras
    from keras import layers

    side = None if architecture.any_size else architecture.input_size
    faces = keras.Input((side, side, architecture.channels), name="face")
    features = architecture.features(faces)
    logits = {head: layers.Dense(len(HEAD_CLASSES[head]), dtype="float32", name=head)(features) for head in heads}
    return keras.Model(faces, logits, name=str(type(architecture).__struct_config__.tag).replace("-", "_"))
