"""A trained network: load it, ask it, and cut from it the model of one label scheme that is exported."""

import zipfile
import zlib
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.architectures import Architecture, build
from stressvision_training.classes import HEAD_CLASSES, HeadClasses, serves, summing_matrix
from stressvision_training.data.rows import SourceError, at_side

BATCH: Final = 256
BEFORE_THE_POINT: Final = "Exception encountered: "
LONGEST: Final = 300
"""Characters of what Keras says when it cannot load a network: before its point and after it prints the whole of it."""


def load_network(path: Path) -> Any:
    """Load a .keras file; `SourceError` when it is none."""
    import keras

    import stressvision_training.architectures.normalisation  # noqa: F401 - Keras finds its layer by being told of it

    if not path.is_file():
        raise SourceError(f"{path}: no such file; give a .keras network")
    if not zipfile.is_zipfile(path):
        raise SourceError(f"{path}: not a .keras file, or cut off; copy it again")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, TypeError, OSError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        # a layer that Keras does not know is a TypeError, an archive of something else a KeyError
        said = str(error).rpartition(BEFORE_THE_POINT)[2][:LONGEST]
        raise SourceError(f"{path}: not a Keras model that can be loaded here: {said}") from error


def heads_of(network: Any) -> list[HeadClasses]:
    """Return the heads of a network made by `build`; none for a model of another origin."""
    output = getattr(network, "output", None)  # a Sequential that was loaded has none before it is called
    if not isinstance(output, dict):
        return []
    return [name for name, names in HEAD_CLASSES.items() if name in output and output[name].shape[-1] == len(names)]


def head_for(network: Any, scheme: LabelScheme) -> HeadClasses:
    """Return the head that gives out the labels of `scheme`; `SourceError` when there is none."""
    heads = [head for head in heads_of(network) if serves(head, scheme)]
    if not heads:
        raise SourceError(f"the network has the heads {heads_of(network)}, and none of them serves {scheme}")
    return heads[0]


def side_of(network: Any) -> int | None:
    """Return the side of the pictures that a network takes, None when any will do."""
    side: int | None = network.input_shape[1]
    return side


def sized(images: NDArray[np.uint8], side: int | None) -> NDArray[np.uint8]:
    """Return n grey faces at `side`, resized as the device does; as they are when it is theirs or None."""
    if side is None or images.shape[1] == side:
        return images
    return np.stack([at_side(image, side) for image in images])


def answers_of(network: Any, images: NDArray[np.uint8]) -> dict[HeadClasses, NDArray[np.float32]]:
    """Return n x classes logits of every head for n grey faces, resized where the network takes another side."""
    channels, side, heads = network.input_shape[-1], side_of(network), heads_of(network)
    parts: dict[HeadClasses, list[NDArray[np.float32]]] = {head: [] for head in heads}
    for start in range(0, len(images), BATCH):
        batch = sized(images[start : start + BATCH], side)
        faces = np.repeat(batch[:, :, :, None], channels, axis=3).astype(np.float32)
        said = network.predict_on_batch(faces)
        for head in heads:
            parts[head].append(np.asarray(said[head], np.float32))
    return {head: np.concatenate(parts[head]) for head in heads}


def logits_of(network: Any, images: NDArray[np.uint8], head: HeadClasses) -> NDArray[np.float32]:
    """Return n x classes logits of `head` for n grey faces, resized where the network takes another side."""
    return answers_of(network, images)[head]


def probabilities_of(network: Any, images: NDArray[np.uint8], scheme: LabelScheme) -> NDArray[np.float32]:
    """Return n x labels of `scheme` for n grey faces."""
    head = head_for(network, scheme)
    return softmax(logits_of(network, images, head)) @ summing_matrix(head, scheme)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the probabilities of n x classes logits."""
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    total: NDArray[np.float32] = p / p.sum(axis=1, keepdims=True)
    return total


def for_device(network: Any, architecture: Architecture, scheme: LabelScheme) -> Any:
    """Return a float32 model of batch 1 with the weights of `network` that ends in the probabilities of `scheme`."""
    import keras
    from keras import layers

    head = head_for(network, scheme)
    before = keras.mixed_precision.dtype_policy()
    keras.mixed_precision.set_dtype_policy("float32")
    try:
        whole = build(architecture, heads_of(network))
        whole.set_weights(network.get_weights())
        side = architecture.input_size
        faces = keras.Input((side, side, architecture.channels), batch_size=1, name="face")
        fine = layers.Softmax(name="probabilities")(whole(faces)[head])
        matrix = summing_matrix(head, scheme)
        if HEAD_CLASSES[head] == LABELS[scheme]:
            return keras.Model(faces, fine, name="device")
        total = layers.Dense(matrix.shape[1], use_bias=False, trainable=False, name="labels")
        model = keras.Model(faces, total(fine), name="device")
        total.set_weights([matrix])
        return model
    finally:
        keras.mixed_precision.set_dtype_policy(before)
