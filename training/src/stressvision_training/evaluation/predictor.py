"""One way to ask any model, float or INT8, ours or another's, for the probabilities of its labels."""

from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.architectures.network import (
    BATCH,
    head_for,
    heads_of,
    load_network,
    probabilities_of,
    side_of,
    sized,
    softmax,
)
from stressvision_training.data.dataset import Dataset, file_digest
from stressvision_training.data.rows import SIDE, SourceError
from stressvision_vision.bare import BareModel, InputRange, in_range
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
    fed: InputRange
    """What black and white are to it."""

    def __call__(self, images: Faces) -> Answers:
        """Return n x labels for n grey faces (n x side x side uint8)."""


class Int8Predictor:
    """A .tflite file with its manifest, through the very classifier that devices use."""

    def __init__(self, path: Path, runtime: Runtime | None = None) -> None:
        self._classifier = Classifier(path, runtime=runtime)
        manifest = self._classifier.manifest
        self.scheme, self.labels, self.digest = manifest.label_scheme, tuple(manifest.labels), manifest.digest
        self.side, self.temperature = manifest.input.height, manifest.temperature
        self.learnt_from: dict[str, str] = manifest.provenance.get("data", {})
        self.fed: InputRange = "grey"

    def __call__(self, images: Faces) -> Answers:
        return np.stack([self._classifier.probabilities(face) for face in sized(images, self.side)])


class FloatPredictor:
    """A network as `fit` leaves it, through the head that serves `scheme`; at `side` where it takes any."""

    def __init__(self, network: Any, path: Path, scheme: LabelScheme, side: int = SIDE) -> None:
        self._network = network
        head_for(network, scheme)
        self.scheme, self.labels, self.digest = scheme, LABELS[scheme], file_digest(path)
        self.side, self.temperature = side_of(network) or side, 1.0
        self.fed: InputRange = "grey"

    def __call__(self, images: Faces) -> Answers:
        return probabilities_of(self._network, images, self.scheme)


class ForeignNetwork:
    """A .keras network of another origin: one picture in, one row of probabilities or logits out."""

    def __init__(self, network: Any, path: Path, scheme: LabelScheme | None, fed: InputRange | None) -> None:
        taken, given = (getattr(network, name, None) for name in ("input_shape", "output_shape"))
        if taken is None:
            raise SourceError(f"{path}: does not say what it takes; call it once on a picture, then save it")
        if not isinstance(taken, tuple) or len(taken) != 4 or taken[1] != taken[2] or taken[3] not in (1, 3):
            raise SourceError(f"{path}: takes {taken}; n x side x side x 1 or 3 is needed")
        if not isinstance(given, tuple) or len(given) != 2:
            raise SourceError(f"{path}: gives {given}; n x labels is needed")
        self._network, self._channels = network, taken[3]
        self.fed: InputRange = fed or "grey"
        self.scheme = scheme_of(given[1], scheme, path)
        self.labels, self.digest = LABELS[self.scheme], file_digest(path)
        self.side, self.temperature = side_of(network) or SIDE, 1.0

    def __call__(self, images: Faces) -> Answers:
        parts = []
        for start in range(0, len(images), BATCH):
            faces = in_range(sized(images[start : start + BATCH], self.side)[:, :, :, None], self.fed)
            given = self._network.predict_on_batch(np.repeat(faces, self._channels, axis=3))
            parts.append(np.asarray(given, np.float32))
        return as_probabilities(np.concatenate(parts))


class BarePredictor:
    """A .tflite file without a manifest."""

    def __init__(self, path: Path, scheme: LabelScheme | None, fed: InputRange | None = None) -> None:
        self._model = BareModel(path, input_range=fed)
        self.fed: InputRange = self._model.input_range
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


def answers(asked: Predictor, data: Dataset) -> Answers:
    """Return n x labels for the faces of `data`, each from the largest picture of it that suits, a batch at a time.

    `SourceError` when an answer is no number.
    """
    starts = range(0, len(data), BATCH)
    return numbers(
        np.concatenate([asked(data.faces(asked.side, range(at, min(at + BATCH, len(data))))) for at in starts])
    )


def numbers(given: Answers) -> Answers:
    """Return the answers as they are; `SourceError` when one is no number."""
    broken = int((~np.isfinite(given)).any(axis=1).sum())
    if broken:
        raise SourceError(f"the model's answers to {broken} of {len(given)} faces are no numbers; it is broken")
    return given


def has_manifest(path: Path) -> bool:
    """Whether the model file (or folder) at `path` is the one that a manifest beside it describes."""
    if path.is_dir():
        return True  # and if there is none, the classifier says so
    beside = _beside(path)
    return beside is not None and beside.get("file", path.name) == path.name


def _beside(path: Path) -> dict[str, Any] | None:
    """Return the manifest in the folder of `path`, empty when it cannot be read, None when there is none."""
    try:
        found = msgspec.json.decode((path.parent / MANIFEST_NAME).read_bytes())
    except OSError:
        return None
    except msgspec.DecodeError:
        return {}  # and the classifier says what is wrong with it
    return found if isinstance(found, dict) else {}


def _ours(path: Path) -> bool:
    """Whether `path` is a float file that `export` wrote beside an INT8 one: its graph takes grey levels as they are.

    The manifest has its digest, so another's file of the same name is not taken for it.
    """
    made = (_beside(path) or {}).get("provenance", {}).get("float_files", {})
    return path.name in made and made[path.name] == file_digest(path)


def predictor(
    path: Path, scheme: LabelScheme | None, usual: LabelScheme = "company5", input_range: InputRange | None = None
) -> Predictor:
    """Return what runs `path`: a .keras network, a .tflite model (or its folder), with its manifest beside it or none.

    `scheme` chooses between a network's heads (`usual`, if not given) and is checked against what a model gives out.
    Models of another origin have their labels in the order of the scheme. `input_range` is what they are fed: by
    default a .keras network 0 to 255, floats of a .tflite file 0 to 1; its integers say by their scale what they want.
    `SourceError`, or `ModelError` of the classifier, says what does not fit.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file; give a .keras network, a .tflite model or its folder")
    if path.suffix == ".keras":
        network = load_network(path)
        if heads_of(network):
            return FloatPredictor(network, path, scheme or usual)
        return ForeignNetwork(network, path, scheme, input_range)
    if not has_manifest(path):
        return BarePredictor(path, scheme, "grey" if _ours(path) else input_range)
    found = Int8Predictor(path)
    if scheme not in (None, found.scheme):
        raise SourceError(f"{path}: gives out {found.scheme}, not {scheme}")
    return found
