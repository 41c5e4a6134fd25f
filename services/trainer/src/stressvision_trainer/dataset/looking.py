"""Look at pictures before they are sent: readable, large enough, one face or more, and none twice."""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from stressvision_contracts.labels import COMPANY5
from stressvision_training.data.faces import FaceReader, read_grey
from stressvision_training.data.refusals import SourceError

ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png"})
LEAST_SIDE: Final = 48
"""Pixels of a face; the smallest network's input."""
LARGEST_BYTES: Final = 8 << 20


class UnusableError(ValueError):
    """The folder or the list of subjects cannot be used at all."""


@dataclass(frozen=True, slots=True)
class Looked:
    """A picture that will do."""

    path: Path
    file: str
    label: str
    subject: str | None
    digest: str
    media_type: str
    width: int
    height: int
    is_crop: bool

    @property
    def query(self) -> dict[str, Any]:
        """What is said of it beside its bytes."""
        return {
            "label": self.label,
            "subject": self.subject,
            "width": self.width,
            "height": self.height,
            "is_crop": self.is_crop,
        }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that will not."""

    file: str
    reason: str


def read_subjects(path: Path) -> dict[str, str]:
    """Pseudonym by file, as `label/name.jpg` or the name alone."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = {"file", "subject"} - set(reader.fieldnames or [])
        if missing:
            raise UnusableError(f"{path}:1: has no column {', '.join(sorted(missing))}")
        return {row["file"]: row["subject"].strip() for row in reader if row["subject"].strip()}


def look_at(folder: Path, subjects: Mapping[str, str], *, crop: bool) -> Iterator[Looked | LeftOut]:
    """Each picture under the labels' folders. `UnusableError` when there is none, or a folder is no label's."""
    if not folder.is_dir():
        raise UnusableError(f"{folder}: no such folder; give one of {'/ '.join(COMPANY5)}/")
    unknown = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name not in COMPANY5)
    if unknown:
        raise UnusableError(f"{folder}: {', '.join(unknown)} is no label; the labels are {', '.join(COMPANY5)}")
    files = [
        (label, path)
        for label in COMPANY5
        for path in sorted((folder / label).rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    ]
    if not files:
        raise UnusableError(f"{folder}: holds no picture under {'/ '.join(COMPANY5)}/")
    reader = FaceReader(whole=crop)
    seen: dict[str, str] = {}
    for label, path in files:
        name = str(path.relative_to(folder))
        yield _look(path, name, label, subjects.get(name) or subjects.get(path.name), reader, seen, crop=crop)


def _look(
    path: Path, name: str, label: str, subject: str | None, reader: FaceReader, seen: dict[str, str], *, crop: bool
) -> Looked | LeftOut:
    if path.suffix.lower() not in ENDINGS:
        return LeftOut(name, "neither JPG nor PNG")
    content = path.read_bytes()
    if len(content) > LARGEST_BYTES:
        return LeftOut(name, f"{len(content) >> 20} MB; {LARGEST_BYTES >> 20} at most")
    digest = hashlib.sha256(content).hexdigest()
    if digest in seen:
        return LeftOut(name, f"the same file as {seen[digest]}")
    try:
        grey = read_grey(path)
    except SourceError as error:
        return LeftOut(name, str(error).removeprefix(f"{path}: "))
    height, width = grey.shape
    faces = reader.find(grey)
    if not faces:
        return LeftOut(name, f"no face found in {width}x{height} pixels; give --crop if these are cut out faces")
    if max(faces[0].w, faces[0].h) < LEAST_SIDE:
        return LeftOut(name, f"the face has {max(faces[0].w, faces[0].h)} pixels; {LEAST_SIDE} or more are needed")
    seen[digest] = name
    kind = "image/png" if content.startswith(b"\x89PNG") else "image/jpeg"
    return Looked(path, name, label, subject, digest, kind, width, height, crop)
