"""Splits kept from one `prepare` to the next."""

import csv
import shutil
from pathlib import Path
from typing import Any

import pytest

from stressvision_training.data.dataset import read_dataset
from stressvision_training.data.frozen import read_frozen
from stressvision_training.data.prepare import Preparation, prepare
from stressvision_training.data.rows import SourceError
from support.faces import write_custom

PEOPLE = 12


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """Return a data folder of `PEOPLE` people, whose pictures lie in `custom` beside it."""
    write_custom(tmp_path / "custom", people=PEOPLE)
    _prepared(tmp_path / "custom", tmp_path / "first")
    return tmp_path / "first"


def _prepared(custom: Path, out: Path, frozen: Path | None = None, seed: int = 1) -> dict[str, Any]:
    return prepare(Preparation(custom=custom, frozen=frozen, seed=seed), out)


def _split_of(folder: Path) -> dict[str, str]:
    data = read_dataset(folder)
    return dict(zip(data.names.tolist(), data.splits.tolist(), strict=True))


def test_whoever_was_renamed_stays(first: Path, tmp_path: Path) -> None:
    renamed = shutil.copytree(tmp_path / "custom", tmp_path / "renamed")
    manifest = renamed / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",p0", ",employee-0"))
    facts = _prepared(renamed, tmp_path / "second", first, seed=2)
    assert _split_of(tmp_path / "second") == _split_of(first)
    assert not [note for note in facts["warnings"] if "new to" in note]


def test_newcomers_are_counted(first: Path, tmp_path: Path) -> None:
    write_custom(tmp_path / "more", people=2 * PEOPLE)
    facts = _prepared(tmp_path / "more", tmp_path / "second", first / "index.csv", seed=2)
    was, now = _split_of(first), _split_of(tmp_path / "second")
    assert {name: now[name] for name in was} == was
    assert "48 of 96 company pictures are new to index.csv; they were dealt anew" in facts["warnings"]


def test_an_index_of_other_pictures_is_refused(first: Path, tmp_path: Path) -> None:
    write_custom(tmp_path / "others", people=3, seed=9)
    manifest = tmp_path / "others" / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",p0", ",q0"))
    with pytest.raises(SourceError, match=r"first: knows none of these 12 pictures"):
        _prepared(tmp_path / "others", tmp_path / "second", first)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xff\xfe\x00", r"index.csv:1: 0xff is not UTF-8"),
        (b"a,b\n1,2\n", r"index.csv:1: has no column source, subject, split, sha256, augmented"),
        (b"source,subject,split,sha256,augmented\ncustom:a,p,tset,00,0\n", r"index.csv:2: split 'tset', expected one"),
        (b"source,subject,split,sha256,augmented\ncustom:a,p\n", r"index.csv:2: has not as many fields"),
        (b'source,subject,split,sha256,augmented\n"custom:a,p\n', r"is a quotation mark left open"),
    ],
)
def test_what_is_no_index_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "index.csv").write_bytes(content)
    with pytest.raises(SourceError, match=says):
        read_frozen(tmp_path)


def test_copies_and_dropped_rows_freeze_nobody(first: Path) -> None:
    with (first / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["split"], rows[1]["augmented"] = "dropped", "1"
    rows = [row | {"subject": ""} for row in rows]
    with (first / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert len(read_frozen(first)) == len(rows) - 2
