"""Read a folder of the company's own face pictures: `manifest.csv` beside them, or a folder per label."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from stressvision_contracts.labels import LabelScheme
from stressvision_training.classes import custom_labels
from stressvision_training.data.faces import FaceReader
from stressvision_training.data.fer2013 import class_folders, count_unread, empty_class, pictures
from stressvision_training.data.listing import check_fields, read_listing
from stressvision_training.data.refusals import Refusals, SourceError
from stressvision_training.data.rows import SIDE, Row, Tick, silent

MANIFEST: Final = "manifest.csv"
NOBODY: Final = frozenset(
    {"img", "image", "imagen", "imagem", "dsc", "dscn", "dscf", "pxl", "photo", "foto", "picture", "pic"}
    | {"face", "cara", "frame", "screenshot", "capture"}
)
"""What cameras and programs put before an underscore."""
CROWD_OF: Final = 20
CROWD_SHARE: Final = 0.7
"""A subject of more than this share of a class of `CROWD_OF` pictures or more could not be split and is none."""


class _Listed(NamedTuple):
    """A picture before it is read."""

    file: Path
    name: str
    label: str
    subject: str
    source: str


def read_custom(
    path: Path,
    scheme: LabelScheme,
    refusals: Refusals | None = None,
    tick: Tick = silent,
    *,
    side: int = SIDE,
    crop: bool | None = None,
) -> list[Row]:
    """Return the faces of `path`; a subject is a person whom splits keep together.

    `manifest.csv` has the columns file, label, subject and, if there is, source; the pictures that it lists are face
    crops. Without it, `label/subject_*.jpg` and `label/subject/*.jpg` are read, and the face in each is found; what
    stands before the first underscore is the subject, unless it cannot be a person (`NOBODY`, `CROWD_SHARE`).
    `crop` says whether pictures are face crops, for either form.
    """
    refused = refusals or Refusals(skip=False)
    listing = (path / MANIFEST).is_file()
    if not path.is_dir():
        raise SourceError(f"{path}: no such folder; give a folder of neutral/ stress/ sad/ happy/ fatigue/")
    if listing:
        listed = list(_manifest(path, scheme, refused))
    else:
        listed = _without_crowds(list(_folders(path, scheme, refused)))
        count_unread(path, [entry.file for entry in listed], refused)
    if not listed:
        raise SourceError(f"{path / MANIFEST}: lists no picture" if listing else f"{path}: holds no folder of pictures")
    reader = FaceReader(side=side, whole=listing if crop is None else crop)
    rows = []
    for done, entry in enumerate(listed):
        tick("reading company pictures", done, len(listed))
        try:
            image, large = reader.read(entry.file)
        except SourceError as error:
            refused.refuse(error)
            continue
        rows.append(
            Row(
                image=image,
                large=large,
                source=entry.source,
                name=entry.name,
                label=entry.label,
                subject=entry.subject,
            )
        )
    if not rows:
        raise SourceError(f"{path}: none of its {len(listed)} pictures can be used")
    return rows


def _manifest(path: Path, scheme: LabelScheme, refused: Refusals) -> Iterator[_Listed]:
    for where, record in read_listing(path / MANIFEST, ("file", "label", "subject")):
        try:
            yield _listed(path, record, scheme, where)
        except SourceError as error:
            refused.refuse(error)


def _listed(path: Path, record: dict[str, str], scheme: LabelScheme, where: str) -> _Listed:
    check_fields(record, where)
    subject = _person(record["subject"])
    if not subject:
        raise SourceError(f"{where}: no subject; pictures of one person must stay in one split", "no subject")
    _check(record["label"], scheme, where)
    picture = path / record["file"]
    try:
        inside = picture.resolve().is_relative_to(path.resolve())
    except (ValueError, RuntimeError) as error:  # a NUL, and links that lead to each other
        raise SourceError(f"{where}: {record['file']!r}: {error}", "unreadable picture") from error
    if not inside:
        raise SourceError(f"{where}: {record['file']} lies outside {path}", "outside the folder")
    source = f"custom:{record.get('source') or 'pictures'}"
    return _Listed(picture, record["file"], record["label"], subject, source)


def _person(name: str) -> str:
    """One spelling of a name: macOS writes `é` as two characters, others as one, and both are the same person."""
    return unicodedata.normalize("NFC", name).strip()


def _folders(path: Path, scheme: LabelScheme, refused: Refusals) -> Iterator[_Listed]:
    for label in class_folders(path):
        try:
            _check(label, scheme, str(path / label))
            files = pictures(path / label)
            people = {name: pictures(path / label / name) for name in class_folders(path / label)}
            if not files and not any(people.values()):
                raise empty_class(path / label)
        except SourceError as error:
            refused.refuse(error)
            continue
        for file in files:
            yield _Listed(file, f"{label}/{file.name}", label, _subject(file.stem, label), "custom:pictures")
        for person, own in people.items():
            for file in own:
                yield _Listed(file, f"{label}/{person}/{file.name}", label, _person(person), "custom:pictures")


def _subject(stem: str, label: str) -> str:
    before, underscore, _ = _person(stem).partition("_")
    return before if underscore and before.lower() not in {*NOBODY, label} else ""


def _without_crowds(listed: list[_Listed]) -> list[_Listed]:
    """Take the subjects away again when one of them is nearly a whole class: then names tell no people."""
    for label in {entry.label for entry in listed}:
        subjects = Counter(entry.subject for entry in listed if entry.label == label)
        subject, most = subjects.most_common(1)[0]
        if subject and subjects.total() >= CROWD_OF and most > CROWD_SHARE * subjects.total():
            return [entry._replace(subject="") for entry in listed]
    return listed


def _check(label: str, scheme: LabelScheme, where: str) -> None:
    if label not in custom_labels(scheme):
        raise SourceError(
            f"{where}: label {label!r}, expected one of {', '.join(custom_labels(scheme))}", "unknown label"
        )
