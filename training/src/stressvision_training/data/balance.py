"""Even out classes of unequal size: by weights, by drawing rare ones more often, or by varied copies of them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.classes import ALERT, COMPANY_OF
from stressvision_training.data.augmentation import Augmentation, augment
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.rows import SIDE, Row, at_side
from stressvision_training.data.splits import Dealt

COPIES: Final = Augmentation(rotate_degrees=15.0, shift=0.1, scale=(0.95, 1.05), brightness=0.1)
"""How a copy differs from its picture: the client's document 5."""


def class_weights(labels: NDArray[np.str_], power: float = 1.0) -> dict[str, float]:
    """Return a weight per label, in inverse proportion to its rows to the `power`; their mean over the rows is 1.

    `alert` is no class, but what a company picture may be said not to be; it weighs 1, as does all with a power of 0.
    """
    names, rows = np.unique(labels[labels != ALERT], return_counts=True)
    weights = (rows.sum() / (len(names) * rows)) ** power
    weights *= rows.sum() / (weights * rows).sum() if len(names) else 1.0
    found = {str(name): float(weight) for name, weight in zip(names, weights, strict=True)}
    return found | ({ALERT: 1.0} if (labels == ALERT).any() else {})


def row_weights(labels: NDArray[np.str_], weights: Mapping[str, float]) -> NDArray[np.float32]:
    """Return the weight of each row's label, 1 where there is none."""
    return np.array([weights.get(label, 1.0) for label in labels.tolist()], np.float32)


def resampled_rows(
    labels: NDArray[np.str_], rng: np.random.Generator, total: int | None = None, power: float = 1.0
) -> NDArray[np.int64]:
    """Return `total` row numbers (as many as there are rows, if not given) in a random order, for one epoch.

    Every label comes equally often with a power of 1, as often as it is with 0; no row of a label comes twice before
    all of it came once. `alert` rows keep their own share.
    """
    names, rows = np.unique(labels, return_counts=True)
    total = len(labels) if total is None else total
    plain = names != ALERT
    shares = rows / rows.sum()
    kept = shares[plain].sum()
    shares[plain] = rows[plain] ** (1.0 - power)
    shares[plain] *= kept / max(shares[plain].sum(), 1e-12)
    ends = np.round(np.cumsum(shares) * total).astype(np.int64)
    drawn = [
        _cycle(np.flatnonzero(labels == name), int(number), rng)
        for name, number in zip(names, np.diff(ends, prepend=0), strict=True)
    ]
    return np.asarray(rng.permutation(np.concatenate(drawn)), np.int64)


def _cycle(rows: NDArray[np.int64], number: int, rng: np.random.Generator) -> NDArray[np.int64]:
    rounds = [rng.permutation(rows) for _ in range(-(-number // len(rows)))]
    return np.asarray(np.concatenate([*rounds, np.empty(0, np.int64)])[:number], np.int64)


def fill_classes(
    rows: Sequence[Row], dealt: Dealt, scheme: LabelScheme, target: int, seed: int
) -> tuple[list[Row], Dealt, dict[str, int]]:
    """Add varied copies of training rows until each class of `scheme` has `target` of them; say how many of each.

    Copies are marked, stay in their picture's group, and depend on `seed` and that picture alone. A class without a
    training row stays empty; one with more than `target` stays as it is.
    """
    splits, groups, reasons = list(dealt[0]), list(dealt[1]), list(dealt[2])
    copies: list[Row] = []
    added: dict[str, int] = {}
    for name in LABELS[scheme]:
        own = [i for i, row in enumerate(rows) if splits[i] == "train" and class_of(row.label, scheme) == name]
        missing = max(target - len(own), 0) if own else 0
        order = np.random.default_rng((seed, LABELS[scheme].index(name))).permutation(own)
        for number in range(missing):
            source = int(order[number % len(order)])
            copies.append(_copy(rows[source], number // len(order) + 1, seed))
            splits.append("train")
            groups.append(groups[source])
            reasons.append("")
        if missing:
            added[name] = missing
    return [*rows, *copies], (splits, groups, reasons), added


def class_of(label: str, scheme: LabelScheme) -> str:
    """Return the class of `scheme` that a label belongs to, or the label itself."""
    return label if label in LABELS[scheme] or scheme == "fer7" else COMPANY_OF.get(label, label)


def classes_of(data: Dataset) -> NDArray[np.str_]:
    """Return the class of its scheme for each row of `data`, `alert` where a picture has none."""
    names = {label: class_of(label, data.scheme) for label in set(data.labels.tolist())}
    return np.array([names[label] for label in data.labels.tolist()])


def _copy(row: Row, number: int, seed: int) -> Row:
    mark = hashlib.sha256(f"{seed}/{row.digest}/{number}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(mark[:8]))
    best = row.image if row.large is None else row.large
    varied = augment(best, best.shape[0], COPIES, rng)
    return msgspec.structs.replace(
        row,
        image=at_side(varied, SIDE),
        large=None if row.large is None else varied,
        name=f"{row.name}#{number}",
        augmented=True,
    )
