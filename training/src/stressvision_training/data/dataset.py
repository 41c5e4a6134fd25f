"""A prepared data folder: every face, its labels, its split, and digests that prove it unchanged."""

import csv
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.data.rows import SIDE, Row, SourceError, at_side
from stressvision_training.data.splits import SERVING, Dealt

INDEX: Final = "index.csv"
METADATA: Final = "metadata.json"
PARTIAL: Final = ".partial"
"""Folder within a data folder while it is written."""
SPLIT_FILES: Final = tuple(f"{split}.npz" for split in SERVING)
FORMAT: Final = 2
COLUMNS: Final = (
    "row",
    "source",
    "name",
    "usage",
    "split",
    "label",
    "subject",
    "group",
    "votes",
    "augmented",
    "sha256",
    "reason",
)
_VOTERS: Final = 10
_PER_ROW: Final = (
    "images",
    "votes",
    "splits",
    "sources",
    "labels",
    "names",
    "usages",
    "subjects",
    "groups",
    "ids",
    "augmented",
    "large_row",
)
_STORED: Final = tuple(name for name in _PER_ROW if name != "splits")


def _none(kind: str) -> Any:
    return msgspec.field(default_factory=lambda: np.empty(0, kind))


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """n faces. `votes` is n x 10 in FER+'s columns, all zero where there are none. `ids` are row numbers of index.csv.

    `images` are 48x48; row i has more detail in `large[large_row[i]]` unless that is -1. `digests` are of the files.
    """

    scheme: LabelScheme
    images: NDArray[np.uint8]
    votes: NDArray[np.float32]
    splits: NDArray[np.str_]
    sources: NDArray[np.str_]
    labels: NDArray[np.str_]
    names: NDArray[np.str_]
    usages: NDArray[np.str_]
    groups: NDArray[np.str_]
    digests: dict[str, str]
    subjects: NDArray[np.str_] = _none("U1")
    ids: NDArray[np.int64] = _none("int64")
    augmented: NDArray[np.bool_] = _none("bool")
    large: NDArray[np.uint8] = msgspec.field(default_factory=lambda: np.empty((0, SIDE, SIDE), np.uint8))
    large_row: NDArray[np.int32] = _none("int32")

    def __post_init__(self) -> None:
        n = len(self.images)
        for name, value in (
            ("subjects", np.full(n, "", "U1")),
            ("ids", np.arange(n)),
            ("augmented", np.zeros(n, np.bool_)),
            ("large_row", np.full(n, -1, np.int32)),
        ):
            if len(getattr(self, name)) != n:
                msgspec.structs.force_setattr(self, name, value)

    def part(self, split: str) -> "Dataset":
        """Return the rows of one split; `SourceError` when it is empty."""
        chosen = np.flatnonzero(self.splits == split)
        if not len(chosen):
            raise SourceError(f"the data have no {split} rows; the splits are {sorted(set(self.splits.tolist()))}")
        return self.take(chosen)

    def take(self, rows: NDArray[np.int64]) -> "Dataset":
        """Return the rows numbered `rows`, in that order."""
        return msgspec.structs.replace(self, **{name: getattr(self, name)[rows] for name in _PER_ROW})

    def face(self, row: int, side: int) -> NDArray[np.uint8]:
        """Return the stored face of `row` that suits a network of `side` pixels: 48x48, or larger if there is one."""
        large = self.large_row[row]
        face: NDArray[np.uint8] = self.images[row] if side <= SIDE or large < 0 else self.large[large]
        return face

    def faces(self, side: int, rows: Sequence[int] | NDArray[np.int64] | None = None) -> NDArray[np.uint8]:
        """Return `rows` (all, if not given) x side x side; at 160 that is 25 kB each, so ask for a batch at a time."""
        if rows is None and side == SIDE:
            return self.images
        chosen = range(len(self)) if rows is None else rows
        found = np.empty((len(chosen), side, side), np.uint8)
        for place, row in enumerate(chosen):
            found[place] = at_side(self.face(int(row), side), side)
        return found

    def __len__(self) -> int:
        return len(self.images)


def write_dataset(
    folder: Path, scheme: LabelScheme, rows: list[Row], dealt: Dealt, facts: dict[str, Any]
) -> dict[str, Any]:
    """Write `rows` with their splits, groups and drop reasons to `folder`; return what its metadata say.

    All is written beside first: a disk that fills up leaves what was there. The metadata come last: a folder without
    them was not finished. `SourceError` where `check_room` has one.
    """
    check_room(folder)
    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        metadata = _write(partial, scheme, rows, dealt, facts)
        for old in (METADATA, INDEX, *SPLIT_FILES):
            (folder / old).unlink(missing_ok=True)
        for name in (*metadata["digests"], METADATA):
            (partial / name).replace(folder / name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return metadata


def check_room(folder: Path) -> None:
    """Raise `SourceError` when `folder` holds a file by one of our names that `prepare` did not write.

    Killed between putting the first file in place and the last, it leaves no metadata, but its `PARTIAL`.
    """
    found = [name for name in (METADATA, INDEX, *SPLIT_FILES) if (folder / name).exists()]
    if found and not (_is_ours(folder / METADATA) or (folder / PARTIAL).is_dir()):
        raise SourceError(f"{folder / found[0]}: is not of prepare and would be overwritten; give another folder")


def _is_ours(metadata: Path) -> bool:
    try:
        return "digests" in msgspec.json.decode(metadata.read_bytes(), type=dict)
    except (OSError, msgspec.DecodeError):
        return False


def _write(folder: Path, scheme: LabelScheme, rows: list[Row], dealt: Dealt, facts: dict[str, Any]) -> dict[str, Any]:
    splits, groups, _ = dealt
    names = []
    for split in SERVING:
        ids = [number for number, where in enumerate(splits) if where == split]
        if ids:
            names.append(f"{split}.npz")
            _write_split(folder / names[-1], [rows[i] for i in ids], [groups[i] for i in ids], ids)
    _write_index(folder / INDEX, rows, dealt)
    digests = {name: file_digest(folder / name) for name in (*names, INDEX)}
    metadata = {"format": FORMAT, "labels": scheme, "digests": digests, **facts}
    (folder / METADATA).write_bytes(msgspec.json.format(msgspec.json.encode(metadata), indent=2) + b"\n")
    return metadata


def _write_split(path: Path, rows: list[Row], groups: list[str], ids: list[int]) -> None:
    detailed = [row.large for row in rows if row.large is not None]
    side = detailed[0].shape[0] if detailed else SIDE
    has = np.array([row.large is not None for row in rows])
    np.savez(
        path,
        images=np.stack([row.image for row in rows]),
        large=np.stack(detailed) if detailed else np.empty((0, side, side), np.uint8),
        large_row=np.where(has, np.cumsum(has) - 1, -1).astype(np.int32),
        labels=np.array([row.label for row in rows]),
        votes=np.array([row.votes or (0,) * _VOTERS for row in rows], np.uint8),
        sources=np.array([row.source for row in rows]),
        names=np.array([row.name for row in rows]),
        usages=np.array([row.usage for row in rows]),
        subjects=np.array([row.subject for row in rows]),
        groups=np.array(groups),
        augmented=np.array([row.augmented for row in rows]),
        ids=np.array(ids, np.int64),
    )


def _write_index(path: Path, rows: list[Row], dealt: Dealt) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for number, (row, split, group, reason) in enumerate(zip(rows, *dealt, strict=True)):
            votes = " ".join(map(str, row.votes))
            where = (number, row.source, row.name, row.usage, split, row.label, row.subject, group)
            writer.writerow([*where, votes, int(row.augmented), row.digest, reason])


def read_metadata(folder: Path) -> dict[str, Any]:
    """Return what `prepare` said about a data folder; `SourceError` when it holds none of this format."""
    try:
        metadata: dict[str, Any] = msgspec.json.decode((folder / METADATA).read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise SourceError(
            f"{folder / METADATA}: {error.strerror}; make it with `stressvision-train prepare`"
        ) from error
    except msgspec.DecodeError as error:
        raise SourceError(f"{folder / METADATA}: {error}; run `stressvision-train prepare` again") from error
    if metadata.get("format") != FORMAT:
        found = metadata.get("format")
        raise SourceError(f"{folder / METADATA}: format {found}, expected {FORMAT}; run `stressvision-train prepare`")
    if metadata.get("labels") not in LABELS or not isinstance(metadata.get("digests"), dict):
        raise SourceError(f"{folder / METADATA}: says no labels or no digests; run `stressvision-train prepare` again")
    return metadata


def read_dataset(folder: Path) -> Dataset:
    """Read what `write_dataset` wrote; `SourceError` when a file is missing or has changed since."""
    metadata = read_metadata(folder)
    for name, digest in metadata["digests"].items():
        if not (folder / name).is_file() or file_digest(folder / name) != digest:
            raise SourceError(f"{folder / name}: changed since it was prepared; run `stressvision-train prepare` again")
    parts, splits, offset = [], [], 0
    for split in SERVING:
        if f"{split}.npz" not in metadata["digests"]:
            continue
        with np.load(folder / f"{split}.npz", allow_pickle=False) as stored:
            part = {name: stored[name] for name in (*_STORED, "large")}
        part["large_row"] = np.where(part["large_row"] >= 0, part["large_row"] + offset, -1).astype(np.int32)
        offset += len(part["large"])
        parts.append(part)
        splits.append(np.full(len(part["images"]), split))
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in _STORED}
    arrays["votes"] = arrays["votes"].astype(np.float32)
    scheme: LabelScheme = metadata["labels"]
    return Dataset(
        scheme=scheme,
        splits=np.concatenate(splits),
        large=np.concatenate([part["large"] for part in parts if len(part["large"])] or [parts[0]["large"]]),
        digests=dict(metadata["digests"]),
        **arrays,
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
