"""What the model says about the faces in a picture: the `classify` command."""

from pathlib import Path
from typing import Final, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from stressvision_agent.camera.frames import SourceError, fit
from stressvision_agent.camera.recordings import read_picture
from stressvision_contracts.manifest import Manifest
from stressvision_vision.faces import FaceDetector
from stressvision_vision.preprocess import Box, crop, resize

LARGEST: Final = (1280, 960)


class FaceClassifier(Protocol):
    """A loaded model: one probability per label of its manifest for a crop as the manifest asks for."""

    @property
    def manifest(self) -> Manifest: ...
    def probabilities(self, face: NDArray[np.uint8]) -> NDArray[np.float32]: ...


class Face(TypedDict):
    """`box` is left, top, width, height in pixels of the picture."""

    box: list[int]
    label: str
    probabilities: dict[str, float]


class Classified(TypedDict):
    file: str
    faces: list[Face]


def classify_image(
    path: Path, *, classifier: FaceClassifier, detector: FaceDetector, crop_whole: bool = False
) -> Classified:
    """Return the faces in the picture at `path`, the largest first, each with its probabilities; none is an answer.

    With `crop_whole` the picture as a whole is one face. `SourceError` when it cannot be read.
    """
    grey = read_picture(path) if path.is_file() else None
    if grey is None:
        what = "cannot be decoded as a picture" if path.is_file() else "is no file"
        raise SourceError(f"{path} {what}; give JPEG, PNG, BMP, WebP, PGM or TIFF files")
    spec = classifier.manifest.input
    if crop_whole:
        whole = Box(0, 0, grey.shape[1], grey.shape[0])
        return {"file": str(path), "faces": [_face(classifier, whole, resize(grey, spec))]}
    boxes = _find(grey, detector)
    return {"file": str(path), "faces": [_face(classifier, box, crop(grey, box, spec)) for box in boxes]}


def _find(grey: NDArray[np.uint8], detector: FaceDetector) -> list[Box]:
    """Faces of a large picture are sought in a smaller one; small pictures and camera frames stay as they are."""
    small = fit(grey, *LARGEST)
    factor = grey.shape[1] / small.shape[1]
    return [Box(*(round(side * factor) for side in box)) for box in detector.detect(small)]


def _face(classifier: FaceClassifier, box: Box, face: NDArray[np.uint8]) -> Face:
    values = classifier.probabilities(face)
    labels = classifier.manifest.labels
    return {
        "box": list(box),
        "label": labels[int(values.argmax())],
        "probabilities": {label: round(float(value), 6) for label, value in zip(labels, values, strict=True)},
    }
