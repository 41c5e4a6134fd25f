"""What a model says about the faces in a picture, and a drawing of it for people."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.faces import FaceReader, read_grey
from stressvision_training.data.rows import spec
from stressvision_training.evaluation.predictor import Predictor, numbers
from stressvision_vision.preprocess import Box, crop, resize

SHOWN: Final = 4
"""Faces with a bar chart of their own; the smaller ones only have a box."""

SCREEN: Final = 1600
"""Pixels of the longer side of a picture that is drawn; boxes stay in those of the picture itself."""

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""One a face, told apart by the colour-blind too (Okabe and Ito 2008)."""


class Words(NamedTuple):
    """What a drawing says; `labels` are other names of the classes."""

    title: str
    no_face: str
    limits: str
    labels: Mapping[str, str] = MappingProxyType({})


ENGLISH: Final = Words(
    "apparent expression: {label} ({share:.1%})",
    "no face found",
    "Apparent expression in one picture: no measure of how a person feels.",
)


class Picture(NamedTuple):
    """`colour` is RGB (height x width x 3), `grey` what the devices would see of it (height x width); both uint8."""

    colour: NDArray[np.uint8]
    grey: NDArray[np.uint8]


class Face(TypedDict):
    """`box` is left, top, width, height in pixels of the picture."""

    box: list[int]
    label: str
    probabilities: dict[str, float]


def read_picture(path: Path) -> Picture:
    """Return a picture file, upright; `SourceError` as `faces.read_grey`."""
    grey = read_grey(path)
    colour = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return Picture(np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2RGB), np.uint8), grey)


def faces_in(picture: Picture, model: Predictor, reader: FaceReader) -> list[Face]:
    """Return the faces in `picture`, the largest first; none is an answer. `SourceError` for a broken model."""
    boxes = reader.find(picture.grey)
    if not boxes:
        return []
    answers = numbers(model(np.stack([_cut(picture.grey, box, model.side) for box in boxes])))
    return [
        {
            "box": list(box),
            "label": model.labels[int(given.argmax())],
            "probabilities": {name: round(float(p), 6) for name, p in zip(model.labels, given, strict=True)},
        }
        for box, given in zip(boxes, answers, strict=True)
    ]


def _cut(grey: NDArray[np.uint8], box: Box, side: int) -> NDArray[np.uint8]:
    """Return the face in `box` as the agent's `classify` does: squashed where it is all of a picture, else squared."""
    if box == Box(0, 0, grey.shape[1], grey.shape[0]):
        return resize(grey, spec(side))
    return crop(grey, box, spec(side))


def draw(picture: Picture, faces: list[Face], words: Words = ENGLISH) -> Any:
    """Return a Matplotlib figure: the picture with its boxes, and the bars of all classes for each face."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    shown = faces[:SHOWN]
    figure = Figure(figsize=(10, 5), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.2, 1))
    left, right = halves
    photo = left.subplots()
    height, width = picture.grey.shape
    photo.imshow(_for_screen(picture.colour), extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    photo.set_axis_off()
    for place, face in enumerate(faces):
        x, y, w, h = face["box"]
        colour = COLOURS[place] if place < SHOWN else "white"
        photo.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=colour, linewidth=3, clip_on=False))
    if not faces:
        right.text(0.5, 0.5, words.no_face, ha="center", va="center", fontsize=14)
    else:
        charts = np.atleast_1d(right.subplots(len(shown), 1, sharex=True))
        for chart, face, colour in zip(charts, shown, COLOURS, strict=False):
            _bars(chart, face, colour, words)
    figure.supxlabel(words.limits, fontsize=9, color="dimgrey")
    return figure


def _for_screen(colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture at `SCREEN` pixels or less: Matplotlib takes sixty bytes for each."""
    share = SCREEN / max(colour.shape)
    if share >= 1:
        return colour
    size = tuple(max(round(side * share), 1) for side in colour.shape[1::-1])
    return np.asarray(cv2.resize(colour, size, interpolation=cv2.INTER_AREA), np.uint8)


def _bars(chart: Any, face: Face, colour: str, words: Words) -> None:
    names = [words.labels.get(label, label) for label in face["probabilities"]]
    values = list(face["probabilities"].values())
    bars = chart.barh(names[::-1], values[::-1], color=colour)
    chart.bar_label(bars, [f"{value:.1%}" for value in values[::-1]], padding=3)
    chart.set_xlim(0, 1.18)
    chart.set_xticks([])
    chart.spines[["top", "right", "bottom"]].set_visible(False)
    label = words.labels.get(face["label"], face["label"])
    chart.set_title(words.title.format(label=label, share=max(values)), loc="left", fontsize=11)
