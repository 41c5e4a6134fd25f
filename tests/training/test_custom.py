"""Company pictures: a folder per label, of any size; the face is found, and what cannot be used is named or counted."""

import json
import unicodedata
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data as pictures
from typer.testing import CliRunner

from stressvision_training.cli import app
from stressvision_training.data.dataset import Dataset, read_dataset
from support.faces import made_up_face, write_custom, write_fer2013

LABELS = ("neutral", "stress", "sad", "happy", "fatigue")
ASTRONAUT = cv2.cvtColor(pictures.astronaut(), cv2.COLOR_RGB2BGR)


def _prepare(*options: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["prepare", *map(str, options)])
    return done.exit_code, " ".join(done.output.split())


def _folders(root: Path, per_label: int, name: str = "p{}_0.png") -> Path:
    rng = np.random.default_rng(3)
    for kind, label in enumerate(LABELS):
        (root / label).mkdir(parents=True)
        for number in range(per_label):
            cv2.imwrite(str(root / label / name.format(number)), made_up_face(kind, rng, side=80))
    return root


def _read(out: Path) -> tuple[Dataset, dict]:
    return read_dataset(out), json.loads((out / "metadata.json").read_text())


def test_a_folder_alone_is_dealt_70_15_15_of_each_label_with_nobody_on_two_sides(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 40, "p{}_0.png")
    code, output = _prepare("--custom", root, "--crop", "--out", tmp_path / "data")
    assert code == 0, output
    data, metadata = _read(tmp_path / "data")
    assert metadata["warnings"] == []
    for split, number in (("train", 28), ("validation", 6), ("test", 6)):
        counts = Counter(data.part(split).labels.tolist())
        assert counts == dict.fromkeys(LABELS, number)
    sides = {}
    for subject, split in zip(data.subjects.tolist(), data.splits.tolist(), strict=True):
        assert sides.setdefault(subject, split) == split


@pytest.mark.parametrize("name", ["IMG_{}.jpg", "cew_{}.png", "{}.png"])
def test_a_name_that_cannot_be_a_person_is_none(tmp_path: Path, name: str) -> None:
    root = _folders(tmp_path / "company", 24, name)
    assert _prepare("--custom", root, "--crop", "--out", tmp_path / "data")[0] == 0
    data, metadata = _read(tmp_path / "data")
    assert set(data.subjects.tolist()) == {""}
    assert metadata["sources"][0]["without_person"] == 120
    assert len(set(data.part("test").labels.tolist())) == 5


def test_a_folder_per_person(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 1)
    (root / "happy" / "maria").mkdir()
    (root / "happy" / "p0_0.png").rename(root / "happy" / "maria" / "1.PNG")
    assert _prepare("--custom", root, "--crop", "--out", tmp_path / "data")[0] == 0
    assert "maria" in _read(tmp_path / "data")[0].subjects.tolist()


def test_the_face_is_found_and_kept_with_more_detail(tmp_path: Path) -> None:
    root = tmp_path / "company"
    (root / "happy").mkdir(parents=True)
    cv2.imwrite(str(root / "happy" / "a.jpg"), ASTRONAUT)
    cv2.imwrite(str(root / "happy" / "b.png"), ASTRONAUT[60:170, 170:280])  # hardly more than the face
    cv2.imwrite(str(root / "happy" / "c.png"), cv2.resize(ASTRONAUT, None, fx=5, fy=5))
    assert _prepare("--custom", root, "--size", 96, "--out", tmp_path / "data")[0] == 0
    data, metadata = _read(tmp_path / "data")
    assert data.images.shape == (3, 48, 48)
    assert data.faces(96).shape == (3, 96, 96)
    assert sorted(data.large_row.tolist()) == [0, 1, 2]
    by_name = {name: data.images[row].astype(int) for row, name in enumerate(data.names.tolist())}
    assert np.corrcoef(by_name["happy/a.jpg"].ravel(), by_name["happy/c.png"].ravel())[0, 1] > 0.9
    assert "train has no picture of neutral, stress, sad, fatigue" in metadata["warnings"]


def test_fer2013_keeps_its_48_pixels_beside_larger_company_faces(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 4, "PublicTest": 1})
    write_custom(tmp_path / "custom", people=6)
    sources = ("--fer2013", tmp_path / "fer2013.csv", "--custom", tmp_path / "custom")
    assert _prepare(*sources, "--size", 64, "--out", tmp_path / "data")[0] == 0
    train = read_dataset(tmp_path / "data").part("train")
    fer = train.sources == "fer2013"
    assert (train.large_row[fer] == -1).all()
    assert (train.large_row[~fer] >= 0).all()
    row = int(np.flatnonzero(~fer)[0])
    assert train.face(row, 64).shape == (64, 64)
    assert train.face(row, 48).shape == (48, 48)
    assert np.array_equal(train.faces(64, [row])[0], train.large[train.large_row[row]])


def _bad_folder(root: Path) -> Path:
    _folders(root, 6)
    (root / "tired").mkdir()
    (root / "tired" / "1.png").write_bytes((root / "sad" / "p0_0.png").read_bytes())
    (root / "alert").mkdir()
    (root / "alert" / "notes.txt").write_text("no picture")
    (root / "happy" / "torn_1.jpg").write_bytes(cv2.imencode(".jpg", ASTRONAUT)[1].tobytes()[:20_000])
    (root / "happy" / "torn_2.png").write_bytes(cv2.imencode(".png", ASTRONAUT)[1].tobytes()[:20_000])
    (root / "happy" / "words.jpg").write_text("no picture")
    (root / "happy" / "nothing.png").write_bytes(b"")
    return root


def test_bad_pictures_are_left_out_and_counted_when_asked_to(tmp_path: Path) -> None:
    root = _bad_folder(tmp_path / "company")
    code, output = _prepare("--custom", root, "--crop", "--skip-bad", "--out", tmp_path / "data")
    assert code == 0, output
    data, metadata = _read(tmp_path / "data")
    assert len(data) == 30
    assert metadata["skipped"]["counts"] == {
        "empty class": 1,
        "not read": 2,
        "unknown label": 1,
        "unreadable picture": 4,
    }
    assert "skipped: 4 unreadable picture" in output


def test_the_first_bad_thing_stops_it_otherwise(tmp_path: Path) -> None:
    root = _bad_folder(tmp_path / "company")
    options = ("--custom", root, "--crop", "--out", tmp_path / "data")
    for says, bad in (
        ("alert: holds no JPG or PNG picture; add some", "alert"),
        ("tired: label 'tired', expected one of neutral, stress", "tired"),
        ("nothing.png: not a picture", "happy/nothing.png"),
        ("torn_1.jpg: the picture is cut off; copy it again", "happy/torn_1.jpg"),
        ("torn_2.png: the picture is cut off", "happy/torn_2.png"),
        ("words.jpg: not a picture", "happy/words.jpg"),
    ):
        code, output = _prepare(*options)
        assert code == 1
        assert says in output
        assert "--skip-bad" in output
        (root / bad).rename(tmp_path / (root / bad).name)
    assert _prepare(*options)[0] == 0


def test_a_picture_without_a_face_is_bad_input(tmp_path: Path) -> None:
    root = tmp_path / "company"
    (root / "happy").mkdir(parents=True)
    cv2.imwrite(str(root / "happy" / "a.png"), ASTRONAUT)
    cv2.imwrite(str(root / "happy" / "b.png"), pictures.coffee()[:, :, ::-1])
    options = ("--custom", root, "--out", tmp_path / "data")
    code, output = _prepare(*options)
    assert code == 1
    assert "b.png: no face found in 600x400 pixels; take the picture out, or give --crop" in output
    assert _prepare(*options, "--skip-bad")[0] == 0
    data, metadata = _read(tmp_path / "data")
    assert data.names.tolist() == ["happy/a.png"]
    assert metadata["skipped"]["counts"] == {"no face": 1}


def test_the_pictures_of_a_manifest_are_faces_unless_it_is_said_otherwise(tmp_path: Path) -> None:
    root = tmp_path / "company"
    root.mkdir()
    cv2.imwrite(str(root / "a.png"), ASTRONAUT)
    (root / "manifest.csv").write_text("file,label,subject\na.png,happy,p1\n")
    for how, name in (("--crop", "crop"), ("--find", "find")):
        assert _prepare("--custom", root, how, "--out", tmp_path / name)[0] == 0
    assert _prepare("--custom", root, "--out", tmp_path / "data")[0] == 0
    whole, face, default = (read_dataset(tmp_path / name).images[0] for name in ("crop", "find", "data"))
    assert np.array_equal(default, whole)
    assert not np.array_equal(default, face)


def test_a_source_is_needed(tmp_path: Path) -> None:
    assert "give --fer2013, --custom, or both" in _prepare("--out", tmp_path / "data")[1]
    (tmp_path / "votes.csv").write_text("")
    code, output = _prepare("--ferplus", tmp_path / "votes.csv", "--custom", tmp_path, "--out", tmp_path / "data")
    assert (code, "FER+ votes go by the rows of fer2013.csv" in output) == (1, True)
    assert "no such folder" in _prepare("--custom", tmp_path / "gone", "--out", tmp_path / "data")[1]


def test_people_stay_where_an_earlier_index_put_them(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 10)
    assert _prepare("--custom", root, "--crop", "--out", tmp_path / "one")[0] == 0
    rng = np.random.default_rng(9)
    for number in range(100, 120):
        cv2.imwrite(str(root / "sad" / f"p{number}_0.png"), made_up_face(2, rng))
    assert _prepare("--custom", root, "--crop", "--splits", tmp_path / "one", "--out", tmp_path / "two")[0] == 0
    one, two = read_dataset(tmp_path / "one"), read_dataset(tmp_path / "two")
    was = dict(zip(one.names.tolist(), one.splits.tolist(), strict=True))
    now = dict(zip(two.names.tolist(), two.splits.tolist(), strict=True))
    assert now.items() >= was.items()
    assert "no column source" in _prepare("--custom", root, "--splits", _empty(tmp_path), "--out", tmp_path / "x")[1]


def _empty(folder: Path) -> Path:
    (folder / "empty.csv").write_text("subject,split,sha256,augmented\n")
    return folder / "empty.csv"


def test_classes_are_filled_up_with_marked_copies_in_train_alone(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 20)
    options = ("--custom", root, "--crop", "--target-per-class", 50, "--size", 64, "--json")
    codes = [_prepare(*options, "--out", tmp_path / out) for out in ("one", "two")]
    metadata = [json.loads(output) for _, output in codes]
    assert metadata[0]["digests"] == metadata[1]["digests"]
    assert metadata[0]["augmented"] == dict.fromkeys(LABELS, 36)
    data = read_dataset(tmp_path / "one")
    assert set(data.splits[data.augmented].tolist()) == {"train"}
    train = data.part("train")
    assert Counter(train.labels.tolist()) == dict.fromkeys(LABELS, 50)
    assert len({image.tobytes() for image in train.images}) == 250
    assert (train.large_row >= 0).all()
    originals = {name: group for name, group in zip(train.names, train.groups, strict=True) if "#" not in name}
    assert all(originals[name.split("#")[0]] == group for name, group in zip(train.names, train.groups, strict=True))


def test_sheets_are_drawn(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 10)
    out = tmp_path / "sheets"
    assert _prepare("--custom", root, "--crop", "--out", tmp_path / "data", "--sheets", out)[0] == 0
    names = {"distribution", "augmentation", "faces_train", "faces_validation", "faces_test"}
    assert {path.stem for path in out.iterdir()} == names
    assert all(cv2.imread(str(path)) is not None for path in out.iterdir())


def test_a_folder_under_two_names_is_refused(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 2)
    for picture in (root / "stress").iterdir():
        picture.unlink()
    (root / "stress").rmdir()
    (root / "stress").symlink_to(root / "sad", target_is_directory=True)
    code, output = _prepare("--custom", root, "--crop", "--out", tmp_path / "data")
    assert code == 1
    assert "stress: is the same folder as sad; remove the link" in output


def test_a_person_whose_name_is_spelt_in_two_ways_is_one(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 1)
    for label, form in (("neutral", "NFC"), ("fatigue", "NFD")):
        (root / label / "p0_0.png").rename(root / label / f"{unicodedata.normalize(form, 'José')}_0.png")
    assert _prepare("--custom", root, "--crop", "--out", tmp_path / "data")[0] == 0
    assert set(_read(tmp_path / "data")[0].subjects.tolist()) == {"José", "p0"}


def test_files_that_are_no_pictures_and_folders_too_deep_are_counted(tmp_path: Path) -> None:
    root = _folders(tmp_path / "company", 2)
    (root / "sad" / "p1_0.png").rename(root / "sad" / "p1_0.HEIC")
    (root / "happy" / "p1" / "monday").mkdir(parents=True)
    (root / "happy" / "p1_0.png").rename(root / "happy" / "p1" / "monday" / "0.png")
    (root / "stress" / ".DS_Store").write_bytes(b"Mac")
    code, output = _prepare("--custom", root, "--crop", "--out", tmp_path / "data")
    assert code == 0, output
    assert "skipped: 2 not read" in output
    data, metadata = _read(tmp_path / "data")
    assert (len(data), metadata["skipped"]["counts"]) == (8, {"not read": 2})
