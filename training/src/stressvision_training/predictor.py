"""One way to ask any model, float or INT8, for the probabilities of its labels."""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.classes import FINE, summing_matrix
from stressvision_training.rows import SourceError
from stressvision_vision.classifier import Classifier, Runtime


class Predictor(Protocol):
    """A model with its labels, ready to judge faces."""

    labels: tuple[str, ...]
    digest: str

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return n x labels for n faces (n x 48 x 48 uint8)."""


class Int8Predictor:
    """A .tflite file, through the very classifier that devices use."""

    def __init__(self, path: Path, runtime: Runtime | None = None) -> None:
        self._classifier = Classifier(path, runtime=runtime)
        self.labels = tuple(self._classifier.manifest.labels)
        self.digest = self._classifier.manifest.digest

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._classifier.probabilities(image) for image in images])


class FloatPredictor:
    """A network as `fit` leaves it, ending in fine logits."""

    def __init__(self, path: Path, scheme: LabelScheme) -> None:
        from stressvision_training.dataset import file_digest

        self._model, self._scheme = load_network(path), scheme
        self.labels, self.digest = LABELS[scheme], file_digest(path)
        if self._model.output_shape[-1] != len(FINE[scheme]):
            raise SourceError(f"{path}: has {self._model.output_shape[-1]} outputs, {scheme} needs {len(FINE[scheme])}")

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return network_probabilities(self._model, images, self._scheme)


def predictor(path: Path, scheme: LabelScheme) -> Predictor:
    """Return what runs `path`: a .keras network, or a .tflite model (or its folder) with its manifest beside it."""
    if path.suffix == ".keras":
        return FloatPredictor(path, scheme)
    found = Int8Predictor(path)
    if found.labels != LABELS[scheme]:
        raise SourceError(f"{path}: tells {', '.join(found.labels)} apart, the data are labelled {scheme}")
    return found


def load_network(path: Path) -> Any:
    """Load a .keras file; `SourceError` when it is none."""
    import keras

    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError) as error:
        raise SourceError(f"{path}: not a Keras model: {error}") from error


def network_probabilities(model: Any, images: NDArray[np.uint8], scheme: LabelScheme) -> NDArray[np.float32]:
    """Return n x labels from a network that ends in fine logits."""
    logits = []
    for start in range(0, len(images), 256):
        faces = images[start : start + 256, :, :, None].astype(np.float32)
        logits.append(np.asarray(model.predict_on_batch(faces), np.float32))
    z = np.concatenate(logits)
    p = np.exp(z - z.max(axis=1, keepdims=True))
    total: NDArray[np.float32] = (p / p.sum(axis=1, keepdims=True)) @ summing_matrix(scheme)
    return total
