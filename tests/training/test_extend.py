"""Company pictures beside prepared data: nobody's split moves, and a person stays on one side."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from stressvision_training.data.dataset import read_dataset
from stressvision_training.data.extend import Pictures, extend
from stressvision_training.data.frozen import how_dealt, keep_frozen
from stressvision_training.data.prepare import Preparation, prepare
from stressvision_training.data.rows import SourceError
from support.faces import made_up_face, write_custom, write_fer2013


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base")
    write_fer2013(folder / "fer2013.csv", {"Training": 12, "PublicTest": 4, "PrivateTest": 4})
    write_custom(folder / "custom", people=10)
    wish = Preparation(
        fer2013=folder / "fer2013.csv", ferplus=folder / "fer2013new.csv", custom=folder / "custom", drop_near=False
    )
    prepare(wish, folder / "data")
    return folder / "data"


def write_pictures(folder: Path, people: int, seed: int = 5) -> Pictures:
    """Two tired pictures of each person, as the platform hands them out."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["file", "label", "subject", "source"])
        for number in range(2 * people):
            name = f"{number:064x}"  # a digest, without an ending
            (folder / name).write_bytes(cv2.imencode(".png", made_up_face(7, rng, 96))[1].tobytes())
            writer.writerow([name, "fatigue", f"person-{number // 2}", "platform"])
    return Pictures(folder=folder, crop=True)


def splits_of(folder: Path) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    with (folder / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            who = (row["source"], row["subject"] or row["sha256"])
            found.setdefault(who, set()).add(row["split"])
    return found


def test_rows_of_the_base_keep_split_votes_and_pixels(base: Path, tmp_path: Path) -> None:
    metadata = extend(base, [write_pictures(tmp_path / "new", people=8)], tmp_path / "data")
    before, after = read_dataset(base), read_dataset(tmp_path / "data")
    assert len(after) == len(before) + 16
    old, new = splits_of(base), splits_of(tmp_path / "data")
    assert {who: new[who] for who in old if "dropped" not in old[who]} == {
        who: split for who, split in old.items() if "dropped" not in split
    }
    first = before.part("train")
    (place,) = np.flatnonzero((after.names == first.names[0]) & (after.sources == first.sources[0]))
    assert (after.images[place] == first.images[0]).all()
    assert (after.votes[place] == first.votes[0]).all()
    assert metadata["base"] == before.digests


def test_the_options_that_dealt_a_folder_are_known(base: Path, tmp_path: Path) -> None:
    extend(base, [write_pictures(tmp_path / "new", people=8)], tmp_path / "more")
    assert how_dealt(base) == how_dealt(tmp_path / "more") == []
    wish = Preparation(fer2013=base.parent / "fer2013.csv", validation=0.3, frozen=base, drop_near=True)
    prepare(wish, tmp_path / "again")
    assert how_dealt(tmp_path / "again") == ["--validation-share 0.3", "--splits data", "--drop-near"]


def test_a_person_is_on_one_side_and_stays_there_when_others_come(base: Path, tmp_path: Path) -> None:
    extend(base, [write_pictures(tmp_path / "few", people=8)], tmp_path / "first")
    first = {who: split for who, split in splits_of(tmp_path / "first").items() if who[0] == "custom:platform"}
    assert all(len(split) == 1 for split in first.values())
    assert set.union(*first.values()) == {"train", "validation", "test"}
    more = write_pictures(tmp_path / "more", people=20)
    keep_frozen(tmp_path / "first", tmp_path / "splits.csv")
    assert "fatigue" not in (tmp_path / "splits.csv").read_text()  # who is where, and nothing that is said of them
    extend(base, [more], tmp_path / "second", frozen=tmp_path / "splits.csv")
    second = splits_of(tmp_path / "second")
    assert {who: second[who] for who in first} == first


def test_pictures_alone_are_enough_and_nothing_is_not(tmp_path: Path) -> None:
    metadata = extend(None, [write_pictures(tmp_path / "new", people=8)], tmp_path / "data")
    assert metadata["rows"] == 16
    assert "train has no picture of neutral, stress, sad, happy" in metadata["warnings"]
    with pytest.raises(SourceError, match="nothing to learn from"):
        extend(None, [], tmp_path / "none")


def test_too_few_people_for_three_splits_are_refused_before_anything_is_learnt(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="4 faces of too few people: none is left for"):
        extend(None, [write_pictures(tmp_path / "new", people=2)], tmp_path / "data")


def test_a_picture_that_cannot_be_read_is_left_out_and_not_named(base: Path, tmp_path: Path) -> None:
    pictures = write_pictures(tmp_path / "new", people=4)
    (pictures.folder / f"{0:064x}").write_bytes(b"no picture")
    metadata = extend(base, [pictures], tmp_path / "data")
    assert metadata["skipped"] == {"counts": {"unreadable picture": 1}, "examples": {}}


def test_data_of_other_labels_are_refused(base: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is labelled company5, not fer7"):
        extend(base, [], tmp_path / "data", scheme="fer7")
