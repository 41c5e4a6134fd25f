"""Add company pictures to a folder that `prepare` made, without moving anybody who has a split there."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from stressvision_contracts.labels import LabelScheme
from stressvision_training.data.counting import NEEDED, missing_classes, row_counts
from stressvision_training.data.custom import read_custom
from stressvision_training.data.dataset import Dataset, check_room, read_dataset, read_metadata, write_dataset
from stressvision_training.data.duplicates import near_duplicates
from stressvision_training.data.frozen import read_frozen
from stressvision_training.data.refusals import Refusals, SourceError
from stressvision_training.data.rows import SIDE, Row, Tick, silent
from stressvision_training.data.splits import NONE, SHARES, assign, near_facts

SEED: Final = 2013


class Pictures(msgspec.Struct, frozen=True, kw_only=True):
    """A folder with `manifest.csv`; `crop` says that its pictures are faces cut out, and none is to be found."""

    folder: Path
    crop: bool


def extend(
    base: Path | None,
    pictures: Sequence[Pictures],
    out: Path,
    *,
    scheme: LabelScheme = "company5",
    frozen: Path | None = None,
    seed: int = SEED,
    tick: Tick = silent,
) -> dict[str, Any]:
    """Write `out` from the prepared folder `base` and folders of company pictures; return its metadata.

    Rows of `base` keep their splits, and whoever an earlier deal's index `frozen` names keeps that one. Pictures that
    cannot be used are left out and counted in the metadata. `SourceError` when a split would be empty: better now than
    when hours of training are to be judged.
    """
    check_room(out)
    before = None if base is None else read_dataset(base)
    if before is not None and before.scheme != scheme:
        raise SourceError(f"{base}: is labelled {before.scheme}, not {scheme}; prepare it with --labels {scheme}")
    rows = [] if before is None else _rows(before)
    refusals = Refusals(skip=True)
    size = SIDE if base is None else int(read_metadata(base).get("size", SIDE))
    for part in pictures:
        rows += read_custom(part.folder, scheme, refusals, tick, side=size, crop=part.crop)
    if not rows:
        raise SourceError("there is nothing to learn from: no base data, and no company picture")
    known = (read_frozen(frozen) if frozen else {}) | (read_frozen(base) if base else {})
    tick("looking for near-duplicates", 0, 0)
    near = near_duplicates(np.stack([row.image for row in rows])) if len(rows) > 1 else NONE
    dealt = assign(rows, seed, near, frozen=known)
    empty = [split for split in NEEDED if split not in dealt[0]]
    if empty:
        raise SourceError(
            f"{len(rows)} faces of too few people: none is left for {' and '.join(empty)}; add pictures of others"
        )
    facts: dict[str, Any] = {
        "seed": seed,
        "size": size,
        "shares": {"custom": SHARES},
        "base": None if base is None else read_metadata(base).get("digests"),
        "dropped": dict(Counter(reason for reason in dealt[2] if reason)),
        "skipped": refusals.facts() | {"examples": {}},  # they name files of people
        "near_duplicates": near_facts(rows, dealt, near),
        "warnings": missing_classes(rows, dealt[0], scheme),
        "rows": len(rows),
        "counts": row_counts(rows, dealt[0]),
    }
    return write_dataset(out, scheme, rows, dealt, facts)


def _rows(data: Dataset) -> list[Row]:
    """The rows of a prepared folder as its readers yielded them; copies made to fill classes up are left out."""
    return [
        Row(
            image=data.images[i],
            large=data.large[data.large_row[i]] if data.large_row[i] >= 0 else None,
            source=str(data.sources[i]),
            name=str(data.names[i]),
            label=str(data.labels[i]),
            usage=str(data.usages[i]),
            subject=str(data.subjects[i]),
            votes=tuple(int(vote) for vote in data.votes[i]) if data.votes[i].any() else (),
        )
        for i in np.flatnonzero(~data.augmented)
    ]
