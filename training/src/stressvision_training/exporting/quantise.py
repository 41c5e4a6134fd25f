"""Turn a network into TFLite files: full-integer, calibrated on a balanced, hashed sample, or of floats."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.augmentation import degrade
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.rows import SIDE

PER_LABEL: Final = 100
DEGRADED_SHARE: Final = 0.3


def representative(train: Dataset, seed: int, side: int = SIDE) -> tuple[NDArray[np.uint8], str]:
    """Return the calibration faces and their SHA-256: up to `PER_LABEL` per label, three in ten degraded.

    They are `side` pixels wide and high, from the larger pictures of the company's faces where that is over 48.
    A black and a white face pin the input's range to 0..255, so that a camera's bytes go in as they are.
    """
    rng = np.random.default_rng(seed)
    faces = []
    for label in sorted(set(train.labels.tolist())):
        rows = np.flatnonzero(train.labels == label)
        for row in rng.permutation(rows)[:PER_LABEL]:
            face = train.faces(side, [row])[0]
            faces.append(degrade(face, rng) if rng.random() < DEGRADED_SHARE else face)
    extremes = [np.full((side, side), level, np.uint8) for level in (0, 255)]
    chosen = np.stack([*faces, *extremes])
    return chosen, hashlib.sha256(chosen.tobytes()).hexdigest()


def to_int8(model: Any, faces: NDArray[np.uint8]) -> bytes:
    """Return the TFLite file of `model`: integer weights per channel, integer arithmetic, uint8 in and out.

    `faces` (n x side x side) are of the side that the model takes.
    """
    import tensorflow as tf

    channels = model.input_shape[-1]

    def samples() -> Iterator[list[NDArray[np.float32]]]:
        for face in faces:
            yield [np.repeat(face[None, :, :, None], channels, axis=3).astype(np.float32)]

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = samples
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.uint8
    return _converted(converter)


def to_float(model: Any, *, half: bool) -> bytes:
    """Return the TFLite file of `model` in float32, or with its weights in float16; float32 in and out."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return _converted(converter)


def _converted(converter: Any) -> bytes:
    with redirect_stdout(sys.stderr):  # TensorFlow tells about itself where a command prints its answer
        content: bytes = converter.convert()
    return content
