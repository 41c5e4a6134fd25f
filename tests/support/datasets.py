"""Data that lie in memory alone, for what looks at labels and votes and never at a picture."""

from collections.abc import Sequence

import numpy as np

from stressvision_contracts.labels import LabelScheme
from stressvision_training.data.dataset import Dataset


def blank_faces(
    labels: Sequence[str],
    *,
    votes: Sequence[Sequence[int]] | None = None,
    sources: Sequence[str] | None = None,
    subjects: Sequence[str] | None = None,
    scheme: LabelScheme = "company5",
) -> Dataset:
    """Return a black face per label, each a group of its own: of FER-2013, without votes or person unless given."""
    rows, text = len(labels), np.array(labels)
    return Dataset(
        scheme=scheme,
        images=np.zeros((rows, 48, 48), np.uint8),
        votes=np.zeros((rows, 10), np.float32) if votes is None else np.array(votes, np.float32),
        splits=text,
        sources=np.array(sources or ["fer2013"] * rows),
        labels=text,
        names=text,
        usages=text,
        groups=np.arange(rows).astype(str),
        subjects=np.array(subjects or [""] * rows),
        digests={},
    )
