"""The classes a network's heads tell apart, the labels data come with, and the labels a model gives out."""

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5, FER7, LABELS, LabelScheme

HeadClasses = Literal["fer7", "company5", "emotions8", "expressions9"]

HEAD_CLASSES: Final[dict[HeadClasses, tuple[str, ...]]] = {
    "fer7": FER7,
    "company5": COMPANY5,
    "emotions8": (*FER7, "fatigue"),
    "expressions9": (*FER7, "contempt", "fatigue"),
}
"""What a head may tell apart: a scheme's own labels, FER-2013's emotions and fatigue, FER+'s expressions and fatigue.

The finer classes regularise; the company's labels are sums of them.
"""

COMPANY_OF: Final[Mapping[str, str]] = {
    "angry": "stress",
    "disgust": "stress",
    "fear": "stress",
    "contempt": "stress",
    "sad": "sad",
    "happy": "happy",
    "surprise": "neutral",
    "neutral": "neutral",
    "fatigue": "fatigue",
}
"""The client's mapping of FER-2013 onto the company's classes, and contempt, which only FER+ knows, with stress."""

SCHEMES: Final[tuple[LabelScheme, ...]] = ("company5", "fer7")

ALERT: Final = "alert"
"""A company picture of a person who is not tired, whatever else the face shows."""


def custom_labels(scheme: LabelScheme) -> tuple[str, ...]:
    """Return the labels that a folder of the company's own pictures may use."""
    return (*LABELS[scheme], ALERT) if scheme == "company5" else LABELS[scheme]


def serves(classes: HeadClasses, scheme: LabelScheme) -> bool:
    """Whether a head of `classes` can give out the labels of `scheme`."""
    return classes == "fer7" if scheme == "fer7" else classes != "fer7"


def open_classes(label: str, classes: HeadClasses, *, custom: bool) -> tuple[str, ...]:
    """Return the classes of a head that `label` leaves open; none when the head has no class for it.

    A FER-2013 label names one. A company picture labelled `stress` may be angry, disgusted or afraid, and an `alert`
    one anything but tired: the network must not be told more than the label says.
    """
    names = HEAD_CLASSES[classes]
    if label == ALERT:
        return tuple(name for name in names if name != "fatigue") if "fatigue" in names else ()
    if classes == "company5":
        return (COMPANY_OF.get(label, label),)
    if not custom or classes == "fer7":
        return (label,) if label in names else ()
    return tuple(name for name in names if COMPANY_OF[name] == label) or ((label,) if label in names else ())


def summing_matrix(classes: HeadClasses, scheme: LabelScheme) -> NDArray[np.float32]:
    """Return the classes x labels matrix of zeros and ones that sums a head's probabilities into the scheme's labels.

    `ValueError` when the head cannot serve the scheme.
    """
    if not serves(classes, scheme):
        raise ValueError(f"a head of {classes} cannot give out the labels of {scheme}")
    labels, names = LABELS[scheme], HEAD_CLASSES[classes]
    matrix = np.zeros((len(names), len(labels)), np.float32)
    for row, name in enumerate(names):
        matrix[row, labels.index(name if name in labels else COMPANY_OF[name])] = 1.0
    return matrix


def company_matrix() -> NDArray[np.float32]:
    """Return the 7 x 5 matrix that sums the probabilities of `fer7` into those of `company5` (none is fatigue)."""
    matrix = np.zeros((len(FER7), len(COMPANY5)), np.float32)
    for row, name in enumerate(FER7):
        matrix[row, COMPANY5.index(COMPANY_OF[name])] = 1.0
    return matrix
