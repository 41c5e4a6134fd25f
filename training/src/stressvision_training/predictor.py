"""One way to ask any model, float or INT8, ours or another's, for the probabilities of its labels."""

from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.dataset import file_digest
from stressvision_training.network import (
    BATCH,
    head_for,
    heads_of,
    load_network,
    probabilities_of,
    side_of,
    sized,
    softmax,
)
from stressvision_training.rows import SIDE, SourceError
from stressvision_vision.bare import BareModel
from stressvision_vision.classifier import MANIFEST_NAME, Classifier, Runtime

Faces = NDArray[np.uint8]
Answers = NDArray[np.float32]

SUM_TOLERANCE: Final = 0.05
"""INT8 probabilities sum to 1 but for their steps; what is farther off is taken for logits."""


class Predictor(Protocol):
    """A model with its labels, ready to judge faces."""

    scheme: LabelScheme
    labels: tuple[str, ...]
    digest: str
    side: int
    """Height and width of the faces that it is best given; others are resized."""
    temperature: float
    """What its probabilities were softened by; 1 is not at all."""

    def __call__(self, images: Faces) -> Answers:
        """Return n x labels for n grey faces (n x side x side uint8)."""


class Int8Predictor:
    """A .tflite file with its manifest, through the very classifier that devices use."""

    def __init__(self, path: Path, runtime: Runtime | None = None) -> None:
        self._classifier = Classifier(path, runtime=runtime)
        manifest = self._classifier.manifest
        self.scheme, self.labels, self.digest = manifest.label_scheme, tuple(manifest.labels), manifest.digest
        self.side, self.temperature = manifest.input.height, manifest.temperature

    def __call__(self, images: Faces) -> Answers:
        return np.stack([self._classifier.probabilities(face) for face in sized(images, self.side)])


class FloatPredictor:
    """A network as `fit` leaves it, through the head that serves `scheme`."""

    def __init__(self, network: Any, path: Path, scheme: LabelScheme) -> None:
        self._network = network
        head_for(network, scheme)
        self.scheme, self.labels, self.digest = scheme, LABELS[scheme], file_digest(path)
        self.side, self.temperature = side_of(network) or SIDE, 1.0

    def __call__(self, images: Faces) -> Answers:
        return probabilities_of(self._network, images, self.scheme)


class ForeignNetwork:
    """A .keras network of another origin: one picture in, one row of probabilities or logits out."""

    def __init__(self, network: Any, path: Path, scheme: LabelScheme | None, *, unit_input: bool) -> None:
        taken, given = network.input_shape, network.output_shape
        if not isinstance(taken, tuple) or len(taken) != 4 or taken[1] != taken[2] or taken[3] not in (1, 3):
            raise SourceError(f"{path}: takes {taken}; n x side x side x 1 or 3 is needed")
        if not isinstance(given, tuple) or len(given) != 2:
            raise SourceError(f"{path}: gives {given}; n x labels is needed")
        self._network, self._channels, self._unit = network, taken[3], unit_input
        self.scheme = scheme_of(given[1], scheme, path)
        self.labels, self.digest = LABELS[self.scheme], file_digest(path)
        self.side, self.temperature = side_of(network) or SIDE, 1.0

    def __call__(self, images: Faces) -> Answers:
        parts = []
        for start in range(0, len(images), BATCH):
            faces = sized(images[start : start + BATCH], self.side)[:, :, :, None].astype(np.float32)
            fed = np.repeat(faces / 255 if self._unit else faces, self._channels, axis=3)
            parts.append(np.asarray(self._network.predict_on_batch(fed), np.float32))
        return as_probabilities(np.concatenate(parts))


class BarePredictor:
    """A .tflite file without a manifest."""

    def __init__(self, path: Path, scheme: LabelScheme | None, *, unit_input: bool) -> None:
        self._model = BareModel(path, unit_input=unit_input)
        self.scheme = scheme_of(self._model.outputs, scheme, path)
        self.labels, self.digest = LABELS[self.scheme], file_digest(path)
        self.side, self.temperature = self._model.side, 1.0

    def __call__(self, images: Faces) -> Answers:
        return as_probabilities(np.stack([self._model.answer(face) for face in sized(images, self.side)]))


def scheme_of(outputs: int, asked: LabelScheme | None, path: Path) -> LabelScheme:
    """Return the scheme with as many labels as a model has outputs; `SourceError` when it is not the one asked for."""
    found: list[LabelScheme] = [scheme for scheme, labels in LABELS.items() if len(labels) == outputs]
    if not found or asked not in (None, found[0]):
        wanted = f"{asked} has {len(LABELS[asked])} labels" if asked else "the schemes have 5 and 7 labels"
        raise SourceError(f"{path}: has {outputs} outputs, {wanted}")
    return found[0]


def as_probabilities(answers: Answers) -> Answers:
    """Return n x labels as they are when they sum to 1, else their softmax."""
    if (answers >= 0).all() and (np.abs(answers.sum(axis=1) - 1) < SUM_TOLERANCE).all():
        return np.asarray(answers / answers.sum(axis=1, keepdims=True), np.float32)
    return softmax(answers)


def has_manifest(path: Path) -> bool:
    """Whether the model file (or folder) at `path` is the one that a manifest beside it describes."""
    if path.is_dir():
        return True  # and if there is none, the classifier says so
    manifest = path.parent / MANIFEST_NAME
    return manifest.is_file() and f'"{path.name}"' in manifest.read_text(encoding="utf-8", errors="replace")


def predictor(
    path: Path, scheme: LabelScheme | None, usual: LabelScheme = "company5", *, unit_input: bool = False
) -> Predictor:
    """Return what runs `path`: a .keras network, a .tflite model (or its folder), with its manifest beside it or none.

    `scheme` chooses between a network's heads (`usual`, if not given) and is checked against what a model gives out.
    Models of another origin have their labels in the order of the scheme, and are fed grey levels of 0 to 255 unless
    `unit_input` asks for 0 to 1. `SourceError`, or `ModelError` of the classifier, says what does not fit.
    """
    if path.suffix == ".keras":
        network = load_network(path)
        if heads_of(network):
            return FloatPredictor(network, path, scheme or usual)
        return ForeignNetwork(network, path, scheme, unit_input=unit_input)
    if not has_manifest(path):
        return BarePredictor(path, scheme, unit_input=unit_input)
    found = Int8Predictor(path)
    if scheme not in (None, found.scheme):
        raise SourceError(f"{path}: gives out {found.scheme}, not {scheme}")
    return found
