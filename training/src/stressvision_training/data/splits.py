"""Who is trained on, who chooses, who judges: splits that no person, no picture and none of its doubles crosses."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import numpy as np

from stressvision_training.data.duplicates import Pairs, joined
from stressvision_training.data.ferplus import NOT_A_FACE
from stressvision_training.data.rows import Row

Split = Literal["train", "validation", "test", "public", "dropped"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test", "public", "dropped")
"""`public` is FER-2013's PublicTest where PrivateTest is there too; `dropped` rows serve nothing, and say why."""

SERVING: Final[tuple[Split, ...]] = SPLITS[:-1]

Dealt = tuple[list[Split], list[str], list[str]]
"""Split, group and, where dropped, the reason for each row."""

Frozen = Mapping[tuple[str, str], Split]
"""The splits of an earlier deal: of people, by source and name, and of pictures, by "" and their digest."""

SEED: Final = 2013

VALIDATION_SHARE: Final = 0.1
"""Of FER-2013's Training, if nothing else is asked; its test rows are given."""
SHARES: Final[dict[Split, float]] = {"train": 0.7, "validation": 0.15, "test": 0.15}
"""Of the company's pictures."""

NONE: Final = np.empty((0, 2), np.int64)

SAME: Final = "same pixels as a test picture"
NEAR: Final = "near-duplicate of a test picture"
NO_FACE: Final = "FER+ voters: not a face"


_MAY_BE: Final[Mapping[str, tuple[Split, ...]]] = {
    "": ("test", "validation", "train"),
    "Training": ("validation", "train"),
}
"""What frozen splits may make of a row, by its usage; FER-2013's own test rows have no choice, its others no test."""


def known_split(row: Row, frozen: Frozen) -> Split | None:
    """Return where an earlier deal had a row's person, or else its pixels: who was renamed is the same person."""
    person = frozen.get((row.source, row.subject)) if row.subject else None
    return person or frozen.get(("", row.digest))


def assign(
    rows: Sequence[Row],
    seed: int,
    near: Pairs = NONE,
    *,
    drop_near: bool = False,
    frozen: Frozen | None = None,
    validation: float = VALIDATION_SHARE,
) -> Dealt:
    """Return split, group and, where dropped, the reason for each row; `near` are pairs of near-duplicates.

    FER-2013's own test rows stay test rows, and of its training groups the share `validation`, by a hash of `seed` and
    group, is for validation, so that adding rows moves none and a smaller share lies within a larger one. Company
    groups are dealt by `SHARES` of each source's labels. A group is all that persons, pixels and near-duplicates
    connect. A training row whose pixels also lie in a test split is dropped (with `drop_near`, a near-duplicate of one
    too), and so is one that most FER+ voters took for no face. `frozen` judges no training row of FER-2013: one whose
    group it puts into a test split is dropped.
    """
    digests = [row.digest for row in rows]
    groups = _groups(rows, digests, near)
    splits = _dealt(rows, digests, groups, seed, frozen or {}, validation)
    given = [bool(row.usage) and row.usage != "Training" for row in rows]
    tests = [split in ("test", "public") for split in splits]
    judged = {digests[i] for i, is_test in enumerate(tests) if is_test and rows[i].usage != "Training"}
    beside = _neighbours(near, [i for i, is_given in enumerate(given) if is_given]) if drop_near else set()
    reasons = [""] * len(rows)
    for i, row in enumerate(rows):
        if tests[i] and row.usage != "Training":
            continue
        if digests[i] in judged:
            reasons[i] = SAME
        elif tests[i] or i in beside:
            reasons[i] = NEAR
        elif row.votes and max(row.votes) > 0 and row.votes.index(max(row.votes)) == NOT_A_FACE:
            reasons[i] = NO_FACE
    return ["dropped" if reason else split for split, reason in zip(splits, reasons, strict=True)], groups, reasons


def near_facts(rows: Sequence[Row], dealt: Dealt, near: Pairs) -> dict[str, int]:
    """Return how many pictures have a near-duplicate that is not identical, and how many learn beside a test row."""
    splits = np.array(dealt[0])
    _, picture = np.unique([row.digest for row in rows], return_inverse=True)
    apart = near[picture[near[:, 0]] != picture[near[:, 1]]]
    judged = np.isin(splits, ("test", "public"))
    beside = _neighbours(near, np.flatnonzero(judged).tolist())
    return {
        "pairs": len(apart),
        "pictures": len(np.unique(apart)),
        "training_rows_beside_a_test_row": sum(splits[i] == "train" for i in beside),
        "validation_rows_beside_a_test_row": sum(splits[i] == "validation" for i in beside),
    }


def _neighbours(pairs: Pairs, rows: Iterable[int]) -> set[int]:
    both = np.concatenate([pairs, pairs[:, ::-1]])
    return set(np.unique(both[np.isin(both[:, 0], list(rows)), 1]).tolist())


def _groups(rows: Sequence[Row], digests: Sequence[str], near: Pairs) -> list[str]:
    """Name each row's group by the least of the persons and pictures in it."""
    names = [
        f"{row.source}/{row.subject}" if row.subject else digest for row, digest in zip(rows, digests, strict=True)
    ]
    first: dict[str, int] = {}
    pairs = [(first.setdefault(name, i), i) for i, name in enumerate(names)]
    pairs += [(first.setdefault(f"pixels {digest}", i), i) for i, digest in enumerate(digests)]
    return joined(np.concatenate([np.array(pairs, np.int64).reshape(-1, 2), near]), names)


def _dealt(
    rows: Sequence[Row], digests: Sequence[str], groups: Sequence[str], seed: int, frozen: Frozen, validation: float
) -> list[Split]:
    has_private = any(row.usage == "PrivateTest" for row in rows)
    fixed: dict[str, Split] = {}
    order: tuple[Split, ...] = ("test", "validation", "train")
    for row, group in zip(rows, groups, strict=True):
        known = known_split(row, frozen)
        if known in _MAY_BE.get(row.usage, ()):
            fixed[group] = min(known, fixed.get(group, "train"), key=order.index)
    learnt: dict[str, str] = {}
    for row, digest, group in zip(rows, digests, groups, strict=True):
        if row.usage == "Training":
            learnt[group] = min(digest, learnt.get(group, digest))
    fixed = {group: _draw(least, seed, validation) for group, least in learnt.items()} | fixed
    strata: dict[str, Counter[str]] = defaultdict(Counter)
    for row, group in zip(rows, groups, strict=True):
        if not row.usage:
            strata[group][f"{row.source}/{row.label}"] += 1
    of_group = deal(strata, SHARES, seed, fixed)

    def first(row: Row, group: str) -> Split:
        if row.usage == "PrivateTest" or (row.usage == "PublicTest" and not has_private):
            return "test"
        return "public" if row.usage == "PublicTest" else of_group[group]

    return [first(row, group) for row, group in zip(rows, groups, strict=True)]


def _draw(group: str, seed: int, validation: float) -> Split:
    draw = int.from_bytes(hashlib.sha256(f"{seed}/{group}".encode()).digest()[:8]) / 2**64
    return "validation" if draw < validation else "train"


def deal(
    strata: Mapping[str, Mapping[str, int]], shares: Mapping[Split, float], seed: int, fixed: Mapping[str, Split]
) -> dict[str, Split]:
    """Return a split for every group, so that each stratum is shared out by `shares`; `fixed` groups stay.

    `strata` says how many rows of which strata a group has. The largest groups are dealt first, equals in an order
    hashed with `seed`, each to where it leaves the least squared distance from the shares; but when no more groups of
    a stratum are left than splits without it, to one of those.
    """
    totals: Counter[str] = Counter()
    left: Counter[str] = Counter()
    have: dict[Split, Counter[str]] = {split: Counter() for split in shares}
    found = dict(fixed)
    for group, counts in strata.items():
        totals.update(counts)
        if group in fixed:
            have[fixed[group]].update(counts)
        else:
            left.update(counts.keys())
    open_groups = [group for group in strata if group not in fixed]
    hashed = {group: hashlib.sha256(f"{seed}/{group}".encode()).digest() for group in open_groups}
    for group in sorted(open_groups, key=lambda group: (-sum(strata[group].values()), hashed[group])):
        counts = strata[group]
        urgent = {name for name in counts if left[name] <= sum(not held[name] for held in have.values())}

        def cost(split: Split, counts: Mapping[str, int] = counts, urgent: set[str] = urgent) -> tuple[int, float]:
            missing = sum(not have[split][name] for name in urgent)
            wanted = {name: shares[split] * totals[name] for name in counts}
            return -missing, sum(
                n * (2 * (have[split][name] - wanted[name]) + n) / wanted[name] for name, n in counts.items()
            )

        found[group] = min(shares, key=cost)
        have[found[group]].update(counts)
        left.subtract(counts.keys())
    return found
