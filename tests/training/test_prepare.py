"""Preparing data: every form users have, and a refusal that names the place of what is wrong."""

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stressvision_training.cli import app
from stressvision_training.data.dataset import read_dataset, read_metadata
from stressvision_training.data.rows import SourceError
from support.faces import EMOTIONS, VOTE_OF, VOTES, made_up_face, write_custom, write_fer2013

GOOD = " ".join(["7"] * 2304)


def _prepare(*options: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["prepare", *map(str, options)])
    return done.exit_code, " ".join(done.output.split())


def test_the_official_csv_with_votes_and_company_pictures(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 20, "PublicTest": 3, "PrivateTest": 4})
    write_custom(tmp_path / "custom", people=12)
    options = ("--fer2013", tmp_path / "fer2013.csv", "--ferplus", tmp_path / "fer2013new.csv")
    code, output = _prepare(*options, "--custom", tmp_path / "custom", "--out", tmp_path / "data", "--json")
    assert code == 0, output
    assert json.loads(output)["rows"] == 27 * 7 + 48
    data = read_dataset(tmp_path / "data")
    fer = data.sources == "fer2013"
    assert (data.splits[fer] == "test").sum() == 4 * 7
    assert (data.splits[fer] == "public").sum() == 3 * 7
    assert {"train", "validation"} <= set(data.splits[fer].tolist())
    assert data.votes[fer].sum(axis=1).tolist() == [10.0] * int(fer.sum())
    assert (data.labels == "alert").sum() == 24


def test_without_private_rows_public_test_is_the_test_split(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 5, "PublicTest": 3})
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data")
    assert code == 0, output
    assert len(read_dataset(tmp_path / "data").part("test")) == 21


def test_the_folders(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for part in ("train", "test"):
        for kind, emotion in enumerate(EMOTIONS):
            (tmp_path / "fer" / part / emotion).mkdir(parents=True)
            for number in range(4):
                path = tmp_path / "fer" / part / emotion / f"{number}.jpg"
                cv2.imwrite(str(path), made_up_face(kind, rng))
    code, output = _prepare("--fer2013", tmp_path / "fer", "--labels", "fer7", "--out", tmp_path / "data")
    assert code == 0, output
    data = read_dataset(tmp_path / "data")
    assert data.scheme == "fer7"
    assert len(data.part("test")) == 28


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["emotion,usage"], "fer2013.csv:1: header"),
        (["emotion,pixels,Usage"], "holds no picture"),
        (["emotion,pixels,Usage", f"0,{GOOD},Training", f"7,{GOOD},Training"], "fer2013.csv:3: emotion '7'"),
        (["emotion,pixels,Usage", f"²,{GOOD},Training"], "fer2013.csv:2: emotion '²', expected 0 to 6"),
        (["emotion,pixels,Usage", f"0,{GOOD},Training", f"0,{GOOD} 7,Training"], "fer2013.csv:3: 2305 pixels"),
        (["emotion,pixels,Usage", f"0,{GOOD},Train"], "fer2013.csv:2: Usage 'Train'"),
        (
            ["emotion,pixels,Usage", f"0,{GOOD[:-1]}256,Training"],
            "fer2013.csv:2: pixel 2304 is '256', expected",
        ),
        (["emotion,pixels,Usage", f"0,{GOOD[:-1]}x,Training"], "fer2013.csv:2: pixel 2304 is 'x', expected a whole"),
        (["emotion,pixels,Usage", f"0,{GOOD}.5,Training"], "fer2013.csv:2: pixel 2304 is '7.5', expected a whole"),
        (["emotion,pixels,Usage", f"0,{GOOD[:3000]},Training"], "fer2013.csv:2: 1500 pixels, expected 2304; if the"),
        (["emotion,pixels,Usage", f"0,{GOOD}"], "fer2013.csv:2: 2 fields"),
        (["emotion,pixels,Usage", f"{'9' * 5000},{GOOD},Training"], "fer2013.csv:2: emotion '999"),
        (["emotion,pixels,Usage", f"0,{GOOD[:-1]}4294967299,Training"], "fer2013.csv:2: pixel 2304 is '4294967299'"),
        (["emotion,pixels,Usage", f'0,"{GOOD},Training'], "unexpected end of data; if the file is cut off"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, lines: list[str], says: str) -> None:
    (tmp_path / "fer2013.csv").write_text("\n".join(lines))
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data")
    assert code == 1
    assert says in output
    assert not (tmp_path / "data").exists()


def test_a_folder_without_test_and_one_of_another_name_are_named(tmp_path: Path) -> None:
    (tmp_path / "fer" / "train" / "happy").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "fer" / "train" / "happy" / "1.jpg"), np.zeros((48, 48), np.uint8))
    assert "has no folder test/" in _prepare("--fer2013", tmp_path / "fer", "--out", tmp_path / "data")[1]
    (tmp_path / "fer" / "train" / "joy").mkdir()
    assert "folder 'joy' is none of" in _prepare("--fer2013", tmp_path / "fer", "--out", tmp_path / "data")[1]


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    for part in ("train", "test"):
        (tmp_path / "fer" / part / "happy").mkdir(parents=True)
        (tmp_path / "fer" / part / "happy" / "1.jpg").write_text("no picture")
    code, output = _prepare("--fer2013", tmp_path / "fer", "--out", tmp_path / "data")
    assert code == 1
    assert "1.jpg: not a picture" in output


@pytest.mark.parametrize("vote", ["11", "800", "-1", "²", ""])
def test_votes_that_cannot_be_are_named(tmp_path: Path, vote: str) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    votes = tmp_path / "fer2013new.csv"
    lines = votes.read_text().splitlines()
    votes.write_text("\n".join([lines[0], lines[1].rpartition(",")[0] + f",{vote}", *lines[2:]]))
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--ferplus", votes, "--out", tmp_path / "data")
    assert (code, "fer2013new.csv:2: " in output, "10 whole numbers of 0 to 10" in output) == (1, True, True), output


def test_votes_with_an_open_quotation_mark_are_named(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    votes = tmp_path / "fer2013new.csv"
    votes.write_text(votes.read_text().replace("fer0000003.png", '"fer0000003.png', 1))
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--ferplus", votes, "--out", tmp_path / "data")
    assert (code, "unexpected end of data; if the file is cut off" in output) == (1, True), output


def test_votes_of_another_order_are_refused(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    votes = tmp_path / "fer2013new.csv"
    lines = votes.read_text().splitlines()
    votes.write_text("\n".join([lines[0], *reversed(lines[1:])]))
    code, output = _prepare("--fer2013", tmp_path / "fer2013.csv", "--ferplus", votes, "--out", tmp_path / "data")
    assert code == 1
    assert "picture 0 is Training, its votes are for PublicTest" in output


@pytest.mark.parametrize(
    ("record", "says"),
    [
        (["p000_0.png", "tired", "office", "p000"], "manifest.csv:2: label 'tired', expected one of neutral"),
        (["p000_0.png", "fatigue", "office", ""], "manifest.csv:2: no subject"),
        (["../fer2013.csv", "fatigue", "office", "p000"], "manifest.csv:2: ../fer2013.csv lies outside"),
        (["gone.png", "fatigue", "office", "p000"], "gone.png: not a picture"),
        (["loop.png", "fatigue", "office", "p000"], "manifest.csv:2: 'loop.png': Symlink loop"),
        (["nul\0.png", "fatigue", "office", "p000"], "manifest.csv:2: 'nul\\x00.png': embedded null byte"),
        (["pipe.png", "fatigue", "office", "p000"], "pipe.png: not a picture but a folder, a pipe or a device"),
    ],
)
def test_a_bad_company_picture_is_named(tmp_path: Path, record: list[str], says: str) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    write_custom(tmp_path / "custom", people=1)
    (tmp_path / "custom" / "loop.png").symlink_to("loop.png")
    os.mkfifo(tmp_path / "custom" / "pipe.png")
    with (tmp_path / "custom" / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["file", "label", "source", "subject"], record])
    options = ("--fer2013", tmp_path / "fer2013.csv", "--custom", tmp_path / "custom", "--out", tmp_path / "data")
    code, output = _prepare(*options)
    assert code == 1
    assert says in output


def test_data_changed_since_are_refused(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 2, "PublicTest": 1})
    assert _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / "data")[0] == 0
    arrays = tmp_path / "data" / "train.npz"
    content = bytearray(arrays.read_bytes())
    content[-1] ^= 1
    arrays.write_bytes(content)
    with pytest.raises(SourceError, match=r"train.npz: changed since it was prepared"):
        read_dataset(tmp_path / "data")
    (tmp_path / "data" / "metadata.json").unlink()
    with pytest.raises(SourceError, match="make it with `stressvision-train prepare`"):
        read_dataset(tmp_path / "data")


def test_the_files_hold_plain_arrays_and_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 6, "PublicTest": 1, "PrivateTest": 1})
    for out in ("one", "two"):
        assert _prepare("--fer2013", tmp_path / "fer2013.csv", "--out", tmp_path / out)[0] == 0
    one, two = (read_metadata(tmp_path / out)["digests"] for out in ("one", "two"))
    assert one == two
    assert set(one) == {"train.npz", "validation.npz", "test.npz", "public.npz", "index.csv"}
    with np.load(tmp_path / "one" / "test.npz", allow_pickle=False) as stored:
        assert stored["images"].shape == (7, 48, 48)
        assert stored["labels"].tolist() == list(EMOTIONS)
        assert stored["ids"].tolist() == list(range(49, 56))


def test_bad_lines_are_left_out_and_the_votes_stay_with_their_pictures(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 6, "PublicTest": 2})
    path, votes = tmp_path / "fer2013.csv", tmp_path / "fer2013new.csv"
    lines = path.read_text().splitlines()
    lines[3] = "9" + lines[3][1:]
    lines[5] = lines[5].replace(",Training", ",Train")
    path.write_text("\n".join(lines)[:-3000])
    voted = votes.read_text().splitlines()
    voted[8] = voted[8].rsplit(",", 1)[0]
    votes.write_text("\n".join(voted))
    options = ("--fer2013", path, "--ferplus", votes, "--skip-bad", "--out", tmp_path / "data", "--json")
    code, output = _prepare(*options)
    assert code == 0, output
    assert json.loads(output)["skipped"]["counts"] == {
        "number of fields": 1,
        "unknown label": 1,
        "unknown usage": 1,
        "votes": 1,
    }
    data = read_dataset(tmp_path / "data")
    assert len(data) == 8 * 7 - 3
    for name, label, counts in zip(data.names.tolist(), data.labels.tolist(), data.votes, strict=True):
        expected = {} if name == "7" else {VOTES[VOTE_OF[EMOTIONS.index(label)]]: 8}
        assert {VOTES[i]: int(n) for i, n in enumerate(counts) if n > 2} == expected


def test_folders_named_by_usage_have_both_test_splits_and_an_empty_class_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    names = {"train": ["Training"] * 6, "test": ["PublicTest", "PrivateTest"]}
    for part, usages in names.items():
        for kind, emotion in enumerate(EMOTIONS):
            (tmp_path / "fer" / part / emotion).mkdir(parents=True)
            for number, usage in enumerate(usages):
                path = tmp_path / "fer" / part / emotion / f"{usage}_{number}.jpg"
                cv2.imwrite(str(path), made_up_face(kind, rng))
    options = ("--fer2013", tmp_path / "fer", "--out", tmp_path / "data")
    assert _prepare(*options)[0] == 0
    data = read_dataset(tmp_path / "data")
    assert (len(data.part("public")), len(data.part("test"))) == (7, 7)
    for path in (tmp_path / "fer" / "test" / "fear").iterdir():
        path.unlink()
    assert "test/fear: holds no JPG or PNG picture; add some" in _prepare(*options)[1]


def test_the_columns_may_stand_in_another_order(tmp_path: Path) -> None:
    usages = ["Training"] * 9 + ["PublicTest"]
    lines = ["emotion, Usage, pixels", *(f"3,{usage},{i} {GOOD[2:]}" for i, usage in enumerate(usages))]
    (tmp_path / "icml_face_data.csv").write_text("\n".join(lines))
    code, output = _prepare("--fer2013", tmp_path / "icml_face_data.csv", "--out", tmp_path / "data")
    assert code == 0, output
    assert set(read_dataset(tmp_path / "data").labels.tolist()) == {"happy"}


def test_a_data_folder_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "metadata.json").write_text('{"format": 1}')
    with pytest.raises(SourceError, match="format 1, expected 2"):
        read_dataset(tmp_path)


def test_what_is_known_of_the_sources_is_written_down(tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 5, "PublicTest": 2, "PrivateTest": 2})
    with (tmp_path / "fer2013.csv").open("a") as file:
        file.write((tmp_path / "fer2013.csv").read_text().splitlines()[-1].replace("PrivateTest", "Training") + "\n")
    write_custom(tmp_path / "custom", people=3)
    sources = ("--fer2013", tmp_path / "fer2013.csv", "--custom", tmp_path / "custom", "--custom-licence", "theirs")
    assert _prepare(*sources, "--out", tmp_path / "data")[0] == 0
    metadata = read_metadata(tmp_path / "data")
    assert [(source["source"], source["rows"]) for source in metadata["sources"]] == [
        ("fer2013", 64),
        ("custom:office", 12),
    ]
    assert metadata["sources"][1]["licence"] == "theirs"
    assert metadata["identical"]["PrivateTest_rows_in_Training"] == 1
    assert metadata["dropped"] == {"same pixels as a test picture": 1}
    assert "PrivateTest has 14 rows here, 3589 as published" in " ".join(metadata["warnings"])
    assert str(tmp_path) not in json.dumps(metadata)
