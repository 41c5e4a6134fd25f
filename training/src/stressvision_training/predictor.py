"""One way to ask any model, float or INT8, for the probabilities of its labels."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.dataset import file_digest
from stressvision_training.network import head_for, load_network, probabilities_of, side_of, sized
from stressvision_training.rows import SIDE
from stressvision_vision.classifier import Classifier, Runtime


class Predictor(Protocol):
    """A model with its labels, ready to judge faces."""

    scheme: LabelScheme
    labels: tuple[str, ...]
    digest: str
    side: int
    """Height and width of the faces that it is best given; others are resized."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return n x labels for n grey faces (n x side x side uint8)."""


class Int8Predictor:
    """A .tflite file, through the very classifier that devices use."""

    def __init__(self, path: Path, runtime: Runtime | None = None) -> None:
        self._classifier = Classifier(path, runtime=runtime)
        self.scheme = self._classifier.manifest.label_scheme
        self.labels = tuple(self._classifier.manifest.labels)
        self.digest = self._classifier.manifest.digest
        self.side = self._classifier.manifest.input.height

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.stack([self._classifier.probabilities(sized(image[None], self.side)[0]) for image in images])


class FloatPredictor:
    """A network as `fit` leaves it, through the head that serves `scheme`."""

    def __init__(self, path: Path, scheme: LabelScheme) -> None:
        self._network = load_network(path)
        head_for(self._network, scheme)
        self.scheme, self.labels, self.digest = scheme, LABELS[scheme], file_digest(path)
        self.side = side_of(self._network) or SIDE

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return probabilities_of(self._network, images, self.scheme)


def predictor(path: Path, scheme: LabelScheme) -> Predictor:
    """Return what runs `path`: a .keras network, or a .tflite model (or its folder) with its manifest beside it."""
    return FloatPredictor(path, scheme) if path.suffix == ".keras" else Int8Predictor(path)
