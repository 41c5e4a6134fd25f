"""Read FER-2013 in the forms users have it: the official CSV, the train/test folders, or an .npz of both."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from stressvision_training.rows import EMOTIONS, SIDE, USAGES, Row, SourceError, read_face

SUFFIXES = {".jpg", ".jpeg", ".png"}


def read_fer2013(path: Path) -> list[Row]:
    """Return the faces of `path` in their order; `SourceError` names the file and line of the first bad one."""
    if path.is_dir():
        rows = list(_folder(path))
    elif path.suffix == ".npz":
        rows = list(_npz(path))
    elif path.is_file():
        rows = list(_csv(path))
    else:
        raise SourceError(f"{path}: no such file or folder; give fer2013.csv, the folder of train/ and test/, or .npz")
    if not rows:
        raise SourceError(f"{path}: holds no picture")
    return rows


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 1 << 30))
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        reader = csv.reader(file)
        header = [name.strip() for name in next(reader, [])]
        if header != ["emotion", "pixels", "Usage"]:
            raise SourceError(f"{path}:1: header is {header[:5]}, expected emotion,pixels,Usage")
        for record in reader:
            yield _csv_row(record, f"{path}:{reader.line_num}", reader.line_num - 2)


def _csv_row(record: list[str], where: str, number: int) -> Row:
    if len(record) != 3:
        raise SourceError(f"{where}: {len(record)} fields, expected 3 (emotion,pixels,Usage)")
    emotion, pixels, usage = record
    if not emotion.isdigit() or int(emotion) >= len(EMOTIONS):
        raise SourceError(f"{where}: emotion {emotion!r}, expected 0 to {len(EMOTIONS) - 1}")
    if usage not in USAGES:
        raise SourceError(f"{where}: Usage {usage!r}, expected one of {', '.join(USAGES)}")
    image = _pixels(pixels, where)
    return Row(image=image, source="fer2013", name=str(number), label=EMOTIONS[int(emotion)], usage=usage)


def _pixels(text: str, where: str) -> NDArray[np.uint8]:
    try:
        values = np.array(text.split(), np.int32)
    except (ValueError, OverflowError) as error:
        raise SourceError(f"{where}: pixels are not whole numbers: {error}") from error
    if values.size != SIDE * SIDE:
        raise SourceError(f"{where}: {values.size} pixels, expected {SIDE * SIDE}")
    if values.min() < 0 or values.max() > 255:
        raise SourceError(f"{where}: pixels from {values.min()} to {values.max()}, expected 0 to 255")
    return values.astype(np.uint8).reshape(SIDE, SIDE)


def _folder(path: Path) -> Iterator[Row]:
    for part, usage in (("train", "Training"), ("test", "PrivateTest")):
        if not (path / part).is_dir():
            raise SourceError(f"{path}: has no folder {part}/; expected train/ and test/ with a folder per emotion")
        folders = sorted(entry.name for entry in (path / part).iterdir() if entry.is_dir())
        unknown = [name for name in folders if name not in EMOTIONS]
        if unknown:
            raise SourceError(f"{path / part}: folder {unknown[0]!r} is none of {', '.join(EMOTIONS)}")
        for emotion in EMOTIONS:
            files = sorted((path / part / emotion).glob("*"))
            for file in (file for file in files if file.suffix.lower() in SUFFIXES):
                name = f"{part}/{emotion}/{file.name}"
                yield Row(image=read_face(file), source="fer2013", name=name, label=emotion, usage=usage)


def _npz(path: Path) -> Iterator[Row]:
    with np.load(path, allow_pickle=False) as stored:
        missing = {"images", "label", "usage"} - set(stored.files)
        if missing:
            raise SourceError(f"{path}: has no array {', '.join(sorted(missing))}")
        images, labels, usages = stored["images"], stored["label"], stored["usage"]
    if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE) or not len(images) == len(labels) == len(usages):
        raise SourceError(f"{path}: images are {images.dtype} of shape {images.shape}, {len(labels)} labels")
    for number, (image, label, usage) in enumerate(zip(images, labels.tolist(), usages.tolist(), strict=True)):
        if not 0 <= label < len(EMOTIONS) or usage not in USAGES:
            raise SourceError(f"{path}: row {number} has label {label} and usage {usage!r}")
        yield Row(image=image, source="fer2013", name=str(number), label=EMOTIONS[label], usage=usage)
