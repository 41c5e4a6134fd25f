"""A plain residual network: 3x3 convolutions, batch normalisation and ReLU, which lose nothing in INT8."""

from typing import Any

import numpy as np

from stressvision_contracts.labels import LabelScheme
from stressvision_training.classes import FINE, summing_matrix
from stressvision_training.recipe import Architecture

SCALE, OFFSET = 1 / 64, -2.0
"""Grey levels 0..255 become -2..2, inside the graph."""


def build(architecture: Architecture, classes: int) -> Any:
    """Return a Keras model from grey levels (any side x any side x 1) to one logit per fine class."""
    import keras
    from keras import layers

    faces = keras.Input((None, None, 1), name="face")
    x = layers.Rescaling(SCALE, OFFSET, name="normalise")(faces)
    x = _conv(x, architecture.stem)
    for width, blocks in zip(architecture.widths, architecture.blocks, strict=True):
        for number in range(blocks):
            x = _block(x, width, stride=2 if number == 0 else 1)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    x = layers.Dropout(architecture.dropout, name="dropout")(x)
    logits = layers.Dense(classes, dtype="float32", name="logits")(x)
    return keras.Model(faces, logits, name="plain_residual")


def for_device(trained: Any, architecture: Architecture, scheme: LabelScheme, side: int) -> Any:
    """Return a float32 model of batch 1 with the weights of `trained` that ends in the scheme's probabilities."""
    import keras
    from keras import layers

    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    try:
        net = build(architecture, len(FINE[scheme]))
        net.set_weights(trained.get_weights())
        faces = keras.Input((side, side, 1), batch_size=1, name="face")
        fine = layers.Softmax(name="fine")(net(faces))
        matrix = summing_matrix(scheme)
        if np.array_equal(matrix, np.eye(len(matrix))):
            return keras.Model(faces, fine, name="device")
        total = layers.Dense(matrix.shape[1], use_bias=False, trainable=False, name="labels")
        model = keras.Model(faces, total(fine), name="device")
        total.set_weights([matrix])
        return model
    finally:
        keras.mixed_precision.set_dtype_policy(before)


def _conv(x: Any, filters: int, *, kernel: int = 3, stride: int = 1, relu: bool = True) -> Any:
    from keras import layers

    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    x = layers.BatchNormalization(momentum=0.97)(x)
    return layers.ReLU()(x) if relu else x


def _block(x: Any, filters: int, *, stride: int) -> Any:
    from keras import layers

    y = _conv(_conv(x, filters, stride=stride), filters, relu=False)
    if stride > 1:
        x = layers.AveragePooling2D(2, padding="same")(x)
    if stride > 1 or x.shape[-1] != filters:
        x = _conv(x, filters, kernel=1, relu=False)
    return layers.ReLU()(layers.Add()([x, y]))
