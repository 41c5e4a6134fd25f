"""Read FER-2013 in the forms users have it: the official CSV, the train/test folders, or an .npz of both."""

import csv
import warnings
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.faces import read_grey
from stressvision_training.data.refusals import Refusals, SourceError
from stressvision_training.data.rows import EMOTIONS, SIDE, USAGES, Row, Tick, at_side, silent

SUFFIXES: Final = {".jpg", ".jpeg", ".png"}
OFFICIAL_ROWS: Final = {"Training": 28_709, "PublicTest": 3_589, "PrivateTest": 3_589}
"""Goodfellow et al. 2013."""
_COLUMNS: Final = ("emotion", "pixels", "Usage")
_NUMBERS: Final = tuple(map(str, range(len(EMOTIONS))))
_LEVELS: Final = frozenset(map(str, range(256)))
_CUT_OFF: Final = "if the file is cut off, fetch it again"


def read_fer2013(path: Path, refusals: Refusals | None = None, tick: Tick = silent) -> list[Row]:
    """Return the faces of `path` in their order; `SourceError` names the file and line of the first bad one."""
    refused = refusals or Refusals(skip=False)
    if path.is_dir():
        rows = list(_folder(path, refused, tick))
    elif path.suffix == ".npz":
        rows = list(_npz(path, refused))
    elif path.is_file():
        rows = list(_csv(path, refused, tick))
    else:
        raise SourceError(f"{path}: no such file or folder; give fer2013.csv, the folder of train/ and test/, or .npz")
    if not rows:
        raise SourceError(f"{path}: holds no picture")
    return rows


def _csv(path: Path, refused: Refusals, tick: Tick) -> Iterator[Row]:
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        reader = csv.reader(file, strict=True)
        lines = _lines(reader, path)
        header = [name.strip() for name in next(lines, [])]
        if sorted(header) != sorted(_COLUMNS):
            wanted = f"{','.join(_COLUMNS)} with commas; give the official fer2013.csv, as UTF-8"
            raise SourceError(f"{path}:1: header is {header[:5]}, expected {wanted}")
        order = [header.index(name) for name in _COLUMNS]  # Kaggle's icml_face_data.csv has another
        for number, record in enumerate(filter(None, lines)):
            if number % 500 == 0:
                tick("reading FER-2013", number, sum(OFFICIAL_ROWS.values()))
            try:
                yield _csv_row(record, order, f"{path}:{reader.line_num}", number)
            except SourceError as error:
                refused.refuse(error)


def _lines(reader: Any, path: Path) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:  # a field of more characters than any picture has, as an open quotation mark makes it
        raise SourceError(f"{path}:{reader.line_num}: {error}; {_CUT_OFF}") from error


def _csv_row(record: list[str], order: list[int], where: str, number: int) -> Row:
    if len(record) != 3:
        what = f"{where}: {len(record)} fields, expected 3 (emotion,pixels,Usage); {_CUT_OFF}"
        raise SourceError(what, "number of fields")
    emotion, pixels, usage = (record[column] for column in order)
    if emotion not in _NUMBERS:
        raise SourceError(f"{where}: emotion {emotion!r}, expected 0 to {len(EMOTIONS) - 1}", "unknown label")
    if usage not in USAGES:
        raise SourceError(f"{where}: Usage {usage!r}, expected one of {', '.join(USAGES)}", "unknown usage")
    image = _pixels(pixels, where)
    return Row(image=image, source="fer2013", name=str(number), label=EMOTIONS[int(emotion)], usage=usage)


def _pixels(text: str, where: str) -> NDArray[np.uint8]:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy's word for "this is no whole number"
        try:
            levels = np.fromstring(text, np.int64, sep=" ")
        except DeprecationWarning:
            raise _bad_pixels(text.split(), where) from None
    if levels.size != SIDE * SIDE or levels.min() < 0 or levels.max() > 255:
        raise _bad_pixels(text.split(), where)
    return levels.astype(np.uint8).reshape(SIDE, SIDE)


def _bad_pixels(values: list[str], where: str) -> SourceError:
    if len(values) != SIDE * SIDE:
        what = f"{where}: {len(values)} pixels, expected {SIDE * SIDE}; {_CUT_OFF}"
        return SourceError(what, "number of pixels")
    number, wrong = next(((i, value) for i, value in enumerate(values, 1) if value not in _LEVELS), (1, values[0]))
    what = f"{where}: pixel {number} is {wrong!r}, expected a whole number from 0 to 255"
    return SourceError(what, "pixel value")


def _folder(path: Path, refused: Refusals, tick: Tick) -> Iterator[Row]:
    for part in ("train", "test"):
        if not (path / part).is_dir():
            raise SourceError(f"{path}: has no folder {part}/; expected train/ and test/ with a folder per emotion")
        for name in class_folders(path / part):
            if name not in EMOTIONS:
                what = f"{path / part}: folder {name!r} is none of {', '.join(EMOTIONS)}; rename it or take it out"
                refused.refuse(SourceError(what, "unknown label"))
    files = {
        (part, emotion): pictures(path / part / emotion)
        for part in ("train", "test")
        for emotion in EMOTIONS
        if (path / part / emotion).is_dir()
    }
    count_unread(path, [file for found in files.values() for file in found], refused)
    done, total = 0, sum(map(len, files.values()))
    for (part, emotion), found in files.items():
        if not found:
            refused.refuse(empty_class(path / part / emotion))
        for file in found:
            if done % 200 == 0:
                tick("reading FER-2013", done, total)
            done += 1
            name = f"{part}/{emotion}/{file.name}"
            try:
                image = at_side(read_grey(file), SIDE)
            except SourceError as error:
                refused.refuse(error)
                continue
            yield Row(image=image, source="fer2013", name=name, label=emotion, usage=_usage(part, file.name))


def _usage(part: str, name: str) -> str:
    """Return the usage of a picture; where the files are named by it, as on Kaggle, `test/` holds two of them."""
    named, _, _ = name.partition("_")
    if part == "test":
        return named if named in USAGES[1:] else "PrivateTest"
    return "Training"


def class_folders(path: Path) -> list[str]:
    """Return the names of the folders in `path`, in order, but for hidden ones and what macOS adds to an archive.

    `SourceError` when two are one, by a link: its pictures would have two labels.
    """
    entries = sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith((".", "__")))
    names: dict[Path, str] = {}
    for entry in entries:
        first = names.setdefault(entry.resolve(), entry.name)
        if first != entry.name:
            raise SourceError(f"{entry}: is the same folder as {first}; remove the link")
    return [entry.name for entry in entries]


def pictures(folder: Path) -> list[Path]:
    """Return the JPG and PNG files of `folder`, in order."""
    files = (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES)
    return sorted(file for file in files if not file.name.startswith("."))


def count_unread(folder: Path, read: Collection[Path], refused: Refusals) -> None:
    """Count the files below `folder` that are not among those `read`, but for hidden ones and what macOS adds."""
    known = set(read)
    for file in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith((".", "__")) for part in file.relative_to(folder).parts)
        if file not in known and not is_hidden and file.is_file():
            refused.count(
                SourceError(f"{file}: is not where pictures are looked for, or neither JPG nor PNG", "not read")
            )


def empty_class(folder: Path) -> SourceError:
    """Return the complaint about a class without pictures."""
    return SourceError(f"{folder}: holds no JPG or PNG picture; add some or take the folder out", "empty class")


def _archive(stored: Any, path: Path) -> Any:
    if isinstance(stored, np.ndarray):
        raise SourceError(f"{path}: is a single array, expected an archive of images, label and usage")
    return stored


def _npz(path: Path, refused: Refusals) -> Iterator[Row]:
    try:
        with path.open("rb") as file, _archive(np.load(file, allow_pickle=False), path) as stored:
            missing = {"images", "label", "usage"} - set(stored.files)
            if missing:
                raise SourceError(f"{path}: has no array {', '.join(sorted(missing))}")
            images, labels, usages = stored["images"], stored["label"], stored["usage"]
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path}: {error}; {_CUT_OFF}") from error
    kinds = (images.dtype == np.uint8, labels.dtype.kind in "iu", usages.dtype.kind == "U")
    n = len(images) if images.ndim else 0
    shapes = (images.shape, labels.shape, usages.shape)
    if not all(kinds) or shapes != ((n, SIDE, SIDE), (n,), (n,)):
        given = f"{images.dtype}, {labels.dtype} and {usages.dtype} of shapes {', '.join(map(str, shapes))}"
        wanted = f"uint8 of n x {SIDE} x {SIDE}, n whole numbers and n words"
        raise SourceError(f"{path}: images, label and usage are {given}, expected {wanted}")
    for number, (image, label, usage) in enumerate(zip(images, labels.tolist(), usages.tolist(), strict=True)):
        if not 0 <= label < len(EMOTIONS) or usage not in USAGES:
            wanted = f"expected 0 to {len(EMOTIONS) - 1} and one of {', '.join(USAGES)}"
            what = f"{path}: row {number} has label {label} and usage {usage!r}, {wanted}"
            refused.refuse(SourceError(what, "unknown label"))
            continue
        yield Row(image=image, source="fer2013", name=str(number), label=EMOTIONS[label], usage=usage)
