"""What a model says about the faces in a picture, and a drawing of it for people."""

from pathlib import Path
from typing import Any, Final, TypedDict

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_training.faces import FaceReader
from stressvision_training.predictor import Predictor
from stressvision_training.rows import spec
from stressvision_vision.preprocess import crop

SHOWN: Final = 4
"""Faces with a bar chart of their own; the smaller ones only have a box."""

COLOURS: Final = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""One a face, told apart by the colour-blind too (Okabe and Ito 2008)."""

LIMITS: Final = "Apparent expression in one picture: no measure of how a person feels."

Picture = NDArray[np.uint8]


class Face(TypedDict):
    """`box` is left, top, width, height in pixels of the picture."""

    box: list[int]
    label: str
    probabilities: dict[str, float]


def faces_in(picture: Picture, model: Predictor, reader: FaceReader) -> list[Face]:
    """Return the faces in an RGB picture (height x width x 3), the largest first; none is an answer."""
    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    boxes = reader.find(grey)
    if not boxes:
        return []
    answers = model(np.stack([crop(grey, box, spec(model.side)) for box in boxes]))
    return [
        {
            "box": list(box),
            "label": model.labels[int(given.argmax())],
            "probabilities": {name: round(float(p), 6) for name, p in zip(model.labels, given, strict=True)},
        }
        for box, given in zip(boxes, answers, strict=True)
    ]


def draw(picture: Picture, faces: list[Face]) -> Any:
    """Return a Matplotlib figure: the picture with its boxes, and the bars of all classes for each face."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    shown = faces[:SHOWN]
    figure = Figure(figsize=(10, 5), layout="constrained")
    halves: Any = figure.subfigures(1, 2, width_ratios=(1.2, 1))
    left, right = halves
    photo = left.subplots()
    photo.imshow(picture)
    photo.set_axis_off()
    for place, face in enumerate(faces):
        x, y, w, h = face["box"]
        colour = COLOURS[place] if place < SHOWN else "white"
        photo.add_patch(Rectangle((x, y), w, h, fill=False, edgecolor=colour, linewidth=3))
    if not faces:
        right.text(0.5, 0.5, "no face found", ha="center", va="center", fontsize=14)
    else:
        charts = np.atleast_1d(right.subplots(len(shown), 1, sharex=True))
        for chart, face, colour in zip(charts, shown, COLOURS, strict=False):
            _bars(chart, face, colour)
    figure.supxlabel(LIMITS, fontsize=9, color="dimgrey")
    return figure


def _bars(chart: Any, face: Face, colour: str) -> None:
    names, values = list(face["probabilities"]), list(face["probabilities"].values())
    bars = chart.barh(names[::-1], values[::-1], color=colour)
    chart.bar_label(bars, [f"{value:.0%}" for value in values[::-1]], padding=3)
    chart.set_xlim(0, 1.12)
    chart.set_xticks([])
    chart.spines[["top", "right", "bottom"]].set_visible(False)
    chart.set_title(f"apparent expression: {face['label']} ({max(values):.0%})", loc="left", fontsize=11)


def read_picture(path: Path) -> Picture:
    """Return a picture file as RGB, upright; `SourceError` as `faces.read_grey`."""
    from stressvision_training.faces import read_grey

    read_grey(path)  # refuses what is cut off or no picture, with the reason
    colour = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2RGB), np.uint8)
