"""Who is trained on, who chooses, who judges: splits that no person and no identical picture crosses."""

import hashlib
from collections.abc import Sequence
from typing import Final, Literal

from stressvision_training.ferplus import NOT_A_FACE
from stressvision_training.rows import Row

Split = Literal["train", "validation", "test", "public", "dropped"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation", "test", "public", "dropped")
"""`public` is FER-2013's PublicTest where PrivateTest is there too; `dropped` rows serve nothing, and say why."""

SERVING: Final[tuple[Split, ...]] = SPLITS[:-1]

Dealt = tuple[list[Split], list[str], list[str]]
"""Split, group and, where dropped, the reason for each row."""

VALIDATION_SHARE: Final = 0.1
CUSTOM_TEST_SHARE: Final = 0.3


def assign(rows: Sequence[Row], seed: int) -> Dealt:
    """Return split, group and, where dropped, the reason for each row.

    FER-2013's own test rows stay test rows. Its training rows are dealt by group of identical pixels, company
    pictures by person, by a hash of `seed` and group, so that adding rows moves no other. A training row whose pixels
    also lie in a test split is dropped, and so is one that most FER+ voters took for no face.
    """
    digests = [row.digest for row in rows]
    groups = _groups(rows, digests)
    has_private = any(row.usage == "PrivateTest" for row in rows)
    splits = [_first(row, group, seed, has_private) for row, group in zip(rows, groups, strict=True)]
    judged = {digest for digest, split in zip(digests, splits, strict=True) if split in ("test", "public")}
    reasons = [""] * len(rows)
    for i, row in enumerate(rows):
        if splits[i] not in ("train", "validation"):
            continue
        if digests[i] in judged:
            splits[i], reasons[i] = "dropped", "same pixels as a test picture"
        elif row.votes and max(row.votes) > 0 and row.votes.index(max(row.votes)) == NOT_A_FACE:
            splits[i], reasons[i] = "dropped", "FER+ voters: not a face"
    return splits, groups, reasons


def _groups(rows: Sequence[Row], digests: Sequence[str]) -> list[str]:
    """Name each row's group: a person and all who share a picture with them, or the picture itself."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    for row, digest in zip(rows, digests, strict=True):
        person = f"{row.source}/{row.subject}" if row.subject else digest
        low, high = sorted((root(person), root(digest)))
        parent[high] = low
    return [root(digest) for digest in digests]


def _first(row: Row, group: str, seed: int, has_private: bool) -> Split:
    if row.usage == "PrivateTest" or (row.usage == "PublicTest" and not has_private):
        return "test"
    if row.usage == "PublicTest":
        return "public"
    draw = int.from_bytes(hashlib.sha256(f"{seed}/{group}".encode()).digest()[:8]) / 2**64
    if not row.usage and draw >= 1 - CUSTOM_TEST_SHARE:
        return "test"
    return "validation" if draw < VALIDATION_SHARE else "train"
