"""The classes a network is taught, the labels data come with, and the labels a model gives out."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5, FER7, LABELS, LabelScheme

FINE: Final[dict[LabelScheme, tuple[str, ...]]] = {"company5": (*FER7, "fatigue"), "fer7": FER7}
"""What the network tells apart inside. FER-2013's finer labels regularise; the company's labels are sums of them."""

COMPANY_OF: Final[Mapping[str, str]] = {
    "angry": "stress",
    "disgust": "stress",
    "fear": "stress",
    "sad": "sad",
    "happy": "happy",
    "surprise": "neutral",
    "neutral": "neutral",
    "fatigue": "fatigue",
}
"""The client's mapping of FER-2013 onto the company's classes."""

ALERT: Final = "alert"
"""A company picture of a person who is not tired, whatever else the face shows."""


def custom_labels(scheme: LabelScheme) -> tuple[str, ...]:
    """Return the labels that a folder of the company's own pictures may use."""
    return (*LABELS[scheme], ALERT) if scheme == "company5" else LABELS[scheme]


def fine_set(label: str, scheme: LabelScheme, *, custom: bool) -> tuple[str, ...]:
    """Return the fine classes that `label` leaves open: one for a FER-2013 row, several for a company label.

    A company picture labelled `stress` may be angry, disgusted or afraid, and an `alert` one anything but tired:
    the network must not be told more than the label says.
    """
    if scheme == "fer7" or not custom:
        return (label,)
    if label == ALERT:
        return tuple(name for name in FINE[scheme] if name != "fatigue")
    return tuple(name for name in FINE[scheme] if COMPANY_OF[name] == label)


def output_of(fine: str, scheme: LabelScheme) -> str:
    """Return the label under which the model gives out the fine class `fine`."""
    return fine if scheme == "fer7" else COMPANY_OF[fine]


def summing_matrix(scheme: LabelScheme) -> NDArray[np.float32]:
    """Return the fine x output matrix of zeros and ones that sums fine probabilities into the scheme's labels."""
    labels = LABELS[scheme]
    matrix = np.zeros((len(FINE[scheme]), len(labels)), np.float32)
    for row, fine in enumerate(FINE[scheme]):
        matrix[row, labels.index(output_of(fine, scheme))] = 1.0
    return matrix


__all__ = [
    "ALERT",
    "COMPANY5",
    "COMPANY_OF",
    "FER7",
    "FINE",
    "LABELS",
    "custom_labels",
    "fine_set",
    "output_of",
    "summing_matrix",
]
