"""Turn the sources users have into one data folder with frozen splits."""

from collections import Counter
from pathlib import Path
from typing import Any

from stressvision_contracts.labels import LabelScheme
from stressvision_training.custom import read_custom
from stressvision_training.dataset import write_dataset
from stressvision_training.fer2013 import read_fer2013
from stressvision_training.ferplus import add_votes
from stressvision_training.rows import SourceError
from stressvision_training.splits import assign


def prepare(
    fer2013: Path,
    out: Path,
    *,
    ferplus: Path | None = None,
    custom: Path | None = None,
    scheme: LabelScheme,
    seed: int = 2013,
) -> dict[str, Any]:
    """Read the sources, deal the splits, write the data folder `out` and return its card."""
    rows = read_fer2013(fer2013)
    if ferplus is not None:
        if fer2013.is_dir():
            raise SourceError(f"{ferplus}: FER+ votes go by the rows of fer2013.csv; the folders have lost that order")
        add_votes(rows, ferplus)
    if custom is not None:
        rows += read_custom(custom, scheme)
    dealt = assign(rows, seed)
    counts = Counter(zip(dealt[0], (row.source for row in rows), (row.label for row in rows), strict=True))
    facts: dict[str, Any] = {
        "seed": seed,
        "rows": len(rows),
        "counts": [
            {"split": split, "source": source, "label": label, "rows": number}
            for (split, source, label), number in sorted(counts.items())
        ],
        "dropped": dict(Counter(reason for reason in dealt[2] if reason)),
        "ferplus": ferplus is not None,
    }
    return write_dataset(out, scheme, rows, dealt, facts)
