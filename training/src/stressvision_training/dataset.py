"""A prepared data folder: every face, its labels, its split, and digests that prove it unchanged."""

import csv
import hashlib
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LabelScheme
from stressvision_training.classes import FINE, fine_set
from stressvision_training.rows import Row, SourceError
from stressvision_training.splits import Split

IMAGES: Final = "images.npy"
INDEX: Final = "index.csv"
CARD: Final = "dataset.json"
COLUMNS: Final = ("row", "source", "name", "usage", "split", "label", "subject", "group", "votes", "sha256", "reason")


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """n faces. `allowed` is n x fine classes: true where the label leaves the class open.

    `votes` is n x 10 in FER+'s columns, all zero where there are none. `digests` are those of the files.
    """

    scheme: LabelScheme
    images: NDArray[np.uint8]
    allowed: NDArray[np.bool_]
    votes: NDArray[np.float32]
    splits: NDArray[np.str_]
    sources: NDArray[np.str_]
    labels: NDArray[np.str_]
    names: NDArray[np.str_]
    usages: NDArray[np.str_]
    groups: NDArray[np.str_]
    digests: dict[str, str]

    def part(self, split: str) -> "Dataset":
        """Return the rows of one split; `SourceError` when it is empty."""
        chosen = np.flatnonzero(self.splits == split)
        if not len(chosen):
            raise SourceError(f"the data have no {split} rows; the splits are {sorted(set(self.splits.tolist()))}")
        return self.take(chosen)

    def take(self, rows: NDArray[np.int64]) -> "Dataset":
        """Return the rows numbered `rows`, in that order."""
        arrays = ("images", "allowed", "votes", "splits", "sources", "labels", "names", "usages", "groups")
        return msgspec.structs.replace(self, **{name: getattr(self, name)[rows] for name in arrays})

    def __len__(self) -> int:
        return len(self.images)


def write_dataset(
    folder: Path,
    scheme: LabelScheme,
    rows: list[Row],
    dealt: tuple[list[Split], list[str], list[str]],
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write `rows` with their splits, groups and drop reasons to `folder`; return what its card says."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / IMAGES, np.stack([row.image for row in rows]))
    with (folder / INDEX).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, (row, split, group, reason) in enumerate(zip(rows, *dealt, strict=True)):
            votes = " ".join(map(str, row.votes))
            where = (number, row.source, row.name, row.usage, split, row.label, row.subject, group)
            writer.writerow([*where, votes, row.digest, reason])
    digests = {name: file_digest(folder / name) for name in (IMAGES, INDEX)}
    card = {"format": 1, "labels": scheme, "digests": digests, **facts}
    (folder / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    return card


def read_dataset(folder: Path) -> Dataset:
    """Read what `write_dataset` wrote; `SourceError` when a file is missing or has changed since."""
    try:
        card = msgspec.json.decode((folder / CARD).read_bytes())
    except OSError as error:
        raise SourceError(f"{folder / CARD}: {error.strerror}; make it with `stressvision-train prepare`") from error
    for name, digest in card["digests"].items():
        if file_digest(folder / name) != digest:
            raise SourceError(f"{folder / name}: changed since it was prepared; run `stressvision-train prepare` again")
    with (folder / INDEX).open(newline="", encoding="utf-8") as file:
        index = list(csv.DictReader(file))
    scheme: LabelScheme = card["labels"]
    return Dataset(
        scheme=scheme,
        images=np.load(folder / IMAGES, allow_pickle=False),
        allowed=_allowed(index, scheme),
        votes=np.array([[int(v) for v in row["votes"].split()] or [0] * 10 for row in index], np.float32),
        splits=np.array([row["split"] for row in index]),
        sources=np.array([row["source"] for row in index]),
        labels=np.array([row["label"] for row in index]),
        names=np.array([row["name"] for row in index]),
        usages=np.array([row["usage"] for row in index]),
        groups=np.array([row["group"] for row in index]),
        digests=dict(card["digests"]),
    )


def _allowed(index: list[dict[str, str]], scheme: LabelScheme) -> NDArray[np.bool_]:
    allowed = np.zeros((len(index), len(FINE[scheme])), np.bool_)
    for number, row in enumerate(index):
        for name in fine_set(row["label"], scheme, custom=row["source"].startswith("custom")):
            allowed[number, FINE[scheme].index(name)] = True
    return allowed


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
