"""Count the faces of a deal: by split, source and label; and say what none is of."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.data.balance import class_of
from stressvision_training.data.rows import Row
from stressvision_training.data.splits import Split

NEEDED: Final[tuple[Split, ...]] = ("train", "validation", "test")


def row_counts(rows: Sequence[Row], splits: Sequence[Split]) -> list[dict[str, Any]]:
    """Return how many rows of each split, source and label there are."""
    kinds = Counter((split, row.source, row.label) for split, row in zip(splits, rows, strict=True))
    return [
        {"split": split, "source": source, "label": label, "rows": number}
        for (split, source, label), number in sorted(kinds.items())
    ]


def missing_classes(rows: Sequence[Row], splits: Sequence[Split], scheme: LabelScheme) -> list[str]:
    """Return a sentence for each of the `NEEDED` splits that lacks a class of `scheme`."""
    there = {(split, class_of(row.label, scheme)) for split, row in zip(splits, rows, strict=True)}
    missing = {split: [name for name in LABELS[scheme] if (split, name) not in there] for split in NEEDED}
    return [f"{split} has no picture of {', '.join(names)}" for split, names in missing.items() if names]
