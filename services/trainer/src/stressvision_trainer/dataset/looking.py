"""Look at pictures before they are sent: readable, large enough, one face or more, and none twice.

What is sent is the upright grey picture alone, as networks see it: no colours, and nothing of what a camera writes into
its files, where it stood included.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from stressvision_contracts.labels import COMPANY5
from stressvision_training.data.faces import FaceReader, Grey, read_grey
from stressvision_training.data.listing import check_fields, read_listing
from stressvision_training.data.refusals import SourceError

ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png"})
LEAST_SIDE: Final = 48
"""Pixels of a face; the smallest network's input."""
LARGEST_BYTES: Final = 32 << 20
LONGEST_SIDE: Final = 2048
"""Pixels to which a larger picture is made smaller, for the service takes no larger one; a face that fills it is still
larger than any network's input."""


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
    is_crop: bool

    @property
    def content(self) -> bytes:
        """The bytes that `digest` is of, made again: a folder's pictures would fill the memory."""
        return _png(_shrunk(read_grey(self.path)))

    @property
    def query(self) -> dict[str, Any]:
        """What is said of it beside its bytes."""
        return {
            "label": self.label,
            "subject": self.subject,
            "is_crop": self.is_crop,
        }


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A picture that will not."""

    file: str
    reason: str


def read_subjects(path: Path) -> dict[str, str]:
    """Pseudonym by file, as `label/name.jpg` or the name alone. `UnusableError` for a list that cannot be read."""
    found = {}
    try:
        for where, record in read_listing(path, ("file", "subject")):
            check_fields(record, where)
            if record["subject"].strip():
                found[_spelt(record["file"])] = record["subject"].strip()
    except SourceError as error:
        raise UnusableError(str(error)) from error
    return found


def _spelt(name: str) -> str:
    """One spelling: macOS writes `é` in a file's name as two characters, a spreadsheet as one."""
    return unicodedata.normalize("NFC", name.strip())


def look_at(folder: Path, subjects: Mapping[str, str], *, crop: bool) -> Iterator[Looked | LeftOut]:
    """Each picture under the labels' folders.

    `UnusableError` when there is none, a folder is no label's, or `subjects` names a file that is not there: then
    somebody's picture would go without a name, and so without a look at consent.
    """
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
    names = {path: _spelt(str(path.relative_to(folder))) for _, path in files}
    unmatched = sorted(set(subjects) - set(names.values()) - {_spelt(path.name) for path in names})
    if unmatched:
        named = ", ".join(unmatched[:3])
        raise UnusableError(f"{folder}: has not {named}, which the list of subjects names; mend the list")
    reader = FaceReader(whole=crop)
    seen: dict[str, str] = {}
    for label, path in files:
        subject = subjects.get(names[path]) or subjects.get(_spelt(path.name))
        yield _look(path, names[path], label, subject, reader, seen, crop=crop)


def _look(
    path: Path, name: str, label: str, subject: str | None, reader: FaceReader, seen: dict[str, str], *, crop: bool
) -> Looked | LeftOut:
    if path.suffix.lower() not in ENDINGS:
        return LeftOut(name, "neither JPG nor PNG")
    try:
        size = path.stat().st_size
    except OSError as error:
        return LeftOut(name, f"cannot be read: {error.strerror}")
    if size > LARGEST_BYTES:
        return LeftOut(name, f"{size >> 20} MB; {LARGEST_BYTES >> 20} at most")
    try:
        grey = _shrunk(read_grey(path))
    except SourceError as error:
        return LeftOut(name, str(error).removeprefix(f"{path}: "))
    digest = hashlib.sha256(_png(grey)).hexdigest()
    if digest in seen:
        return LeftOut(name, f"the same picture as {seen[digest]}")
    height, width = grey.shape
    faces = reader.find(grey)
    if not faces:
        return LeftOut(name, f"no face found in {width}x{height} pixels; give --crop if these are cut out faces")
    if max(faces[0].w, faces[0].h) < LEAST_SIDE:
        return LeftOut(name, f"the face has {max(faces[0].w, faces[0].h)} pixels; {LEAST_SIDE} or more are needed")
    seen[digest] = name
    return Looked(path, name, label, subject, digest, crop)


def _shrunk(grey: Grey) -> Grey:
    factor = LONGEST_SIDE / max(grey.shape)
    if factor >= 1:
        return grey
    size = (max(round(grey.shape[1] * factor), 1), max(round(grey.shape[0] * factor), 1))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _png(grey: Grey) -> bytes:
    return cv2.imencode(".png", grey)[1].tobytes()
