"""Turn the sources users have into one data folder with frozen splits."""

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np

from stressvision_contracts.labels import LabelScheme
from stressvision_training.data.balance import fill_classes
from stressvision_training.data.counting import missing_classes, row_counts
from stressvision_training.data.custom import read_custom
from stressvision_training.data.dataset import check_room, file_digest, write_dataset
from stressvision_training.data.duplicates import near_duplicates
from stressvision_training.data.fer2013 import OFFICIAL_ROWS, read_fer2013
from stressvision_training.data.ferplus import add_votes
from stressvision_training.data.frozen import newcomers, read_frozen
from stressvision_training.data.refusals import Refusals, SourceError
from stressvision_training.data.rows import SIDE, Row, Tick, silent
from stressvision_training.data.splits import NONE, SEED, SHARES, VALIDATION_SHARE, Dealt, Frozen, assign, near_facts

FER2013_LICENCE: Final = "FER-2013 (Goodfellow et al. 2013): web pictures, offered for research; not to be passed on"
FERPLUS_LICENCE: Final = "FER+ votes (Barsoum et al. 2016, Microsoft): MIT"
CUSTOM_LICENCE: Final = "not stated: the company's own, to be used as the people in them agreed to"


class Preparation(msgspec.Struct, frozen=True, kw_only=True):
    """What to read and how to deal it. `size` is the side of the largest network input that the data should serve.

    `crop`: company pictures are face crops (None: those of a manifest.csv are, the faces in others are found).
    `validation`: the share of FER-2013's Training that chooses and calibrates. `drop_near`: no near-duplicate of a test
    picture is trained on. `frozen`: the index.csv of an earlier deal.
    """

    fer2013: Path | None = None
    ferplus: Path | None = None
    custom: Path | None = None
    scheme: LabelScheme = "company5"
    seed: int = SEED
    size: int = SIDE
    crop: bool | None = None
    skip_bad: bool = False
    drop_near: bool = False
    validation: float = VALIDATION_SHARE
    target_per_class: int | None = None
    frozen: Path | None = None
    custom_licence: str = CUSTOM_LICENCE


def prepare(wish: Preparation, out: Path, tick: Tick = silent) -> dict[str, Any]:
    """Read the sources, deal the splits, write the data folder `out` and return its metadata."""
    check_room(out)
    frozen = read_frozen(wish.frozen) if wish.frozen else {}
    refusals = Refusals(skip=wish.skip_bad)
    rows = _read(wish, refusals, tick)
    tick("looking for near-duplicates", 0, 0)
    near = near_duplicates(np.stack([row.image for row in rows])) if len(rows) > 1 else NONE
    dealt = assign(rows, wish.seed, near, drop_near=wish.drop_near, frozen=frozen, validation=wish.validation)
    facts: dict[str, Any] = {
        "seed": wish.seed,
        "size": wish.size,
        "shares": {"fer2013": {"validation": wish.validation}, "custom": SHARES},
        "frozen": file_name(wish.frozen),
        "drop_near": wish.drop_near,
        "sources": _sources(wish, rows),
        "dropped": dict(Counter(reason for reason in dealt[2] if reason)),
        "skipped": refusals.facts(),
        "identical": _identical(rows),
        "near_duplicates": near_facts(rows, dealt, near),
        "warnings": _warnings(wish, rows, dealt, frozen),
    }
    if wish.target_per_class:
        tick("making copies", 0, 0)
        rows, dealt, facts["augmented"] = fill_classes(rows, dealt, wish.scheme, wish.target_per_class, wish.seed)
    tick("writing", 0, 0)
    facts |= {"rows": len(rows), "counts": row_counts(rows, dealt[0])}
    return write_dataset(out, wish.scheme, rows, dealt, facts)


def _read(wish: Preparation, refusals: Refusals, tick: Tick) -> list[Row]:
    if wish.fer2013 is None and wish.custom is None:
        raise SourceError("nothing to prepare; give --fer2013, --custom, or both")
    if wish.ferplus is not None and (wish.fer2013 is None or wish.fer2013.is_dir()):
        raise SourceError(f"{wish.ferplus}: FER+ votes go by the rows of fer2013.csv; folders have lost that order")
    rows: list[Row] = []
    if wish.fer2013 is not None:
        rows += read_fer2013(wish.fer2013, refusals, tick)
        if wish.ferplus is not None:
            add_votes(rows, wish.ferplus, refusals)
    if wish.custom is not None:
        rows += read_custom(wish.custom, wish.scheme, refusals, tick, side=wish.size, crop=wish.crop)
    return rows


def file_name(path: Path | None) -> str | None:
    """Return the last part of a path: where it lay on one machine is nobody else's concern."""
    return None if path is None else path.resolve().name


def _sources(wish: Preparation, rows: list[Row]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    facts: dict[str, Any]
    if wish.fer2013 is not None:
        fer = [row for row in rows if not row.is_custom]
        digest = _digest_of(fer) if wish.fer2013.is_dir() else file_digest(wish.fer2013)
        usages = dict(Counter(row.usage for row in fer))
        facts = {"source": "fer2013", "file": file_name(wish.fer2013), "sha256": digest, "rows": len(fer)}
        found.append(facts | {"usages": usages, "licence": FER2013_LICENCE})
    if wish.ferplus is not None:
        voted = sum(bool(row.votes) for row in rows)
        facts = {"source": "ferplus", "file": file_name(wish.ferplus), "sha256": file_digest(wish.ferplus)}
        found.append(facts | {"rows": voted, "licence": FERPLUS_LICENCE})
    for source in sorted({row.source for row in rows if row.is_custom}):
        own = [row for row in rows if row.source == source]
        people = len({row.subject for row in own if row.subject})
        facts = {"source": source, "file": file_name(wish.custom), "sha256": _digest_of(own), "rows": len(own)}
        unknown = sum(not row.subject for row in own)
        found.append(facts | {"people": people, "without_person": unknown, "licence": wish.custom_licence})
    return found


def _digest_of(rows: list[Row]) -> str:
    """Return one SHA-256 for a folder: of its pictures' names and 48x48 pixels."""
    return hashlib.sha256("".join(f"{row.name} {row.digest}\n" for row in rows).encode()).hexdigest()


def _identical(rows: list[Row]) -> dict[str, int]:
    """Return how many pictures are there more than once, and how many of FER-2013's test rows are training rows."""
    times = Counter(row.digest for row in rows)
    labels: dict[str, set[str]] = {}
    for row in rows:
        labels.setdefault(row.digest, set()).add(row.label)
    training = {row.digest for row in rows if row.usage == "Training"}
    facts = {
        "groups": sum(number > 1 for number in times.values()),
        "pictures": sum(number for number in times.values() if number > 1),
        "groups_of_several_labels": sum(len(found) > 1 for found in labels.values()),
    }
    for usage in ("PublicTest", "PrivateTest"):
        facts[f"{usage}_rows_in_Training"] = sum(row.usage == usage and row.digest in training for row in rows)
    return facts


def _warnings(wish: Preparation, rows: list[Row], dealt: Dealt, frozen: Frozen) -> list[str]:
    found = newcomers(rows, frozen, wish.frozen) if wish.frozen else []
    usages = Counter(row.usage for row in rows if not row.is_custom)
    for usage, official in OFFICIAL_ROWS.items():
        if usages and usages[usage] != official:
            found.append(f"FER-2013's {usage} has {usages[usage]} rows here, {official} as published")
    return found + missing_classes(rows, dealt[0], wish.scheme)
