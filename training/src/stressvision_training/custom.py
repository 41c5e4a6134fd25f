"""Read a folder of the company's own face pictures: `manifest.csv` beside them, or a folder per label."""

import csv
from pathlib import Path

from stressvision_contracts.labels import LabelScheme
from stressvision_training.classes import custom_labels
from stressvision_training.fer2013 import SUFFIXES
from stressvision_training.rows import Row, SourceError, read_face


def read_custom(path: Path, scheme: LabelScheme) -> list[Row]:
    """Return the pictures of `path`; each is one face crop, its subject is the person whom splits keep together.

    `manifest.csv` has the columns file, label, subject and, if there is, source. Without it, `label/subject_*.jpg`
    is read: what stands before the first underscore is the subject.
    """
    if (path / "manifest.csv").is_file():
        return _manifest(path, scheme)
    if not path.is_dir():
        raise SourceError(f"{path}: no such folder")
    return _folders(path, scheme)


def _manifest(path: Path, scheme: LabelScheme) -> list[Row]:
    rows = []
    with (path / "manifest.csv").open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        missing = {"file", "label", "subject"} - set(reader.fieldnames or [])
        if missing:
            raise SourceError(f"{path / 'manifest.csv'}:1: has no column {', '.join(sorted(missing))}")
        for record in reader:
            where = f"{path / 'manifest.csv'}:{reader.line_num}"
            if not record["subject"]:
                raise SourceError(f"{where}: no subject; pictures of one person must stay in one split")
            _check(record["label"], scheme, where)
            picture = path / record["file"]
            if not picture.resolve().is_relative_to(path.resolve()):
                raise SourceError(f"{where}: {record['file']} lies outside {path}")
            source = f"custom:{record.get('source') or 'pictures'}"
            rows.append(_row(picture, record["file"], record["label"], record["subject"], source))
    if not rows:
        raise SourceError(f"{path / 'manifest.csv'}: lists no picture")
    return rows


def _folders(path: Path, scheme: LabelScheme) -> list[Row]:
    rows = []
    for folder in sorted(entry for entry in path.iterdir() if entry.is_dir()):
        _check(folder.name, scheme, str(folder))
        for file in sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES):
            subject = file.stem.split("_")[0]
            rows.append(_row(file, f"{folder.name}/{file.name}", folder.name, subject, "custom:pictures"))
    if not rows:
        raise SourceError(f"{path}: holds neither manifest.csv nor label/subject_*.jpg")
    return rows


def _check(label: str, scheme: LabelScheme, where: str) -> None:
    if label not in custom_labels(scheme):
        raise SourceError(f"{where}: label {label!r}, expected one of {', '.join(custom_labels(scheme))}")


def _row(picture: Path, name: str, label: str, subject: str, source: str) -> Row:
    return Row(image=read_face(picture), source=source, name=name, label=label, subject=subject)
