"""`stressvision dataset add`: what is looked for in a folder of pictures, and what is sent."""

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from stressvision_control.cli.app import app
from stressvision_trainer.control import Control as TrainerControl
from support.control import Control
from support.pictures import portrait, room
from support.training import Plant, drawn, make_plant

pytestmark = pytest.mark.db

Command = Callable[..., Result]


@pytest.fixture
def plant(control: Control) -> Plant:
    return make_plant(control)


@pytest.fixture
def add(plant: Plant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", plant.control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", plant.control.token("ml", "operator"))

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, ["dataset", "add", *words])
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    return run


def write(folder: Path, name: str, content: bytes) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def png(image: "np.ndarray") -> bytes:
    return cv2.imencode(".png", image)[1].tobytes()


def test_what_will_do_is_sent_and_the_rest_is_told_with_its_reason(add: Command, plant: Plant, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    face = png(portrait())
    small = cv2.resize(portrait(scale=1.5, left=100, top=30), (160, 120), interpolation=cv2.INTER_AREA)
    write(pictures, "neutral/ana_1.png", face)
    write(pictures, "neutral/ana_2.jpg", cv2.imencode(".jpg", portrait(left=120))[1].tobytes())
    write(pictures, "fatigue/twice.png", face)
    write(pictures, "fatigue/empty_chair.png", png(room()))
    write(pictures, "fatigue/broken.jpg", face[:200])
    write(pictures, "fatigue/far_away.png", png(small))
    write(pictures, "fatigue/note.txt", b"hello")
    outcome = json.loads(add(str(pictures), "--site", "Callao", "--json").stdout)
    assert (outcome["looked_at"], outcome["added"], outcome["known"]) == (7, 2, 0)
    reasons = {each["file"]: each["reason"] for each in outcome["left_out"]}
    assert reasons["fatigue/twice.png"] == "the same picture as neutral/ana_1.png"
    assert reasons["fatigue/empty_chair.png"].startswith("no face found in 640x480 pixels")
    assert "cut off" in reasons["fatigue/broken.jpg"] or "not a picture" in reasons["fatigue/broken.jpg"]
    assert reasons["fatigue/note.txt"] == "neither JPG nor PNG"
    assert "48 or more are needed" in reasons["fatigue/far_away.png"]
    assert outcome["warnings"] == ["only 2 pictures of neutral can be learnt from; 100 or more are asked"]
    again = add(str(pictures), "--site", "Callao")
    assert "0 pictures added, 2 were there already" in again.output
    listed = plant.control.as_role("ml").get("/v1/pictures").json()["items"]
    assert [(row["media_type"], row["is_crop"], row["width"]) for row in listed] == [("image/png", False, 640)] * 2


def test_only_the_upright_grey_picture_is_sent(add: Command, plant: Plant, tmp_path: Path) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    shot = cv2.imencode(".jpg", cv2.resize(colours, (4500, 3000), interpolation=cv2.INTER_NEAREST))[1].tobytes()
    # a quarter right, and where it was taken: EXIF's tags 274 and 34853
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\x88\x25\0\x04\0\0\0\x01\0\0\0\x26"
    exif += b"\0\0\0\0\0\x01\0\x01\0\x02\0\0\0\x02S\0\0\0\0\0\0\0"
    write(tmp_path / "pictures", "happy/a.jpg", shot[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + shot[2:])
    add(str(tmp_path / "pictures"), "--site", "Callao", "--crop")
    (row,) = plant.control.as_role("ml").get("/v1/pictures").json()["items"]
    assert (row["media_type"], row["width"], row["height"]) == ("image/png", 1365, 2048)
    kept = plant.control.as_role("ml").get(f"/v1/pictures/{row['digest']}/content").content
    assert b"Exif" not in kept
    assert b"eXIf" not in kept
    seen = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_UNCHANGED)
    wanted = cv2.rotate(cv2.cvtColor(colours, cv2.COLOR_BGR2GRAY), cv2.ROTATE_90_CLOCKWISE)
    assert seen.shape == (2048, 1365)
    assert np.abs(cv2.resize(seen, (60, 90), interpolation=cv2.INTER_AREA).astype(int) - wanted).mean() < 3


def test_a_picture_that_goes_after_the_look_is_told_and_the_rest_is_sent(
    add: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = tmp_path / "pictures"
    for name in ("happy/a.png", "happy/b.png"):
        write(pictures, name, drawn("happy", ord(name[6])))
    site_id = TrainerControl.site_id

    def asked_between(self: TrainerControl, wanted: str) -> int:
        (pictures / "happy/a.png").unlink()
        return site_id(self, wanted)

    monkeypatch.setattr(TrainerControl, "site_id", asked_between)
    outcome = json.loads(add(str(pictures), "--site", "Callao", "--crop", "--json").stdout)
    assert outcome["added"] == 1
    assert [each["file"] for each in outcome["left_out"]] == ["happy/a.png"]
    assert "No such file" in outcome["left_out"][0]["reason"]


def test_people_are_named_by_a_csv_and_must_consent(add: Command, plant: Plant, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    for number, name in enumerate(("happy/a.png", "happy/b.png", "sad/a.png")):
        write(pictures, name, drawn("happy", number))
    (tmp_path / "who.csv").write_text("file,subject\nhappy/a.png,E-YES\nb.png,E-NO\nsad/a.png,\n")
    words = (str(pictures), "--site", "Callao", "--crop", "--subjects", str(tmp_path / "who.csv"), "--json")
    outcome = json.loads(add(*words).stdout)
    assert outcome["added"] == 2
    ((refused),) = outcome["left_out"]
    assert refused["file"] == "happy/b.png"
    assert "'E-NO' has no active consent" in refused["reason"]
    counts = plant.control.as_role("ml").get("/v1/pictures/summary").json()
    assert [(row["label"], row["pictures"], row["people"]) for row in counts] == [("happy", 1, 1), ("sad", 1, 0)]


def test_a_list_that_names_other_files_sends_nobody_unchecked(add: Command, plant: Plant, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    write(pictures, f"happy/{unicodedata.normalize('NFD', 'José')}.png", drawn("happy", 1))
    words = (str(pictures), "--site", "Callao", "--crop", "--subjects", str(tmp_path / "who.csv"))
    (tmp_path / "who.csv").write_text("file;subject\nhappy/Jose.png;E-NO\n", encoding="utf-8-sig")
    assert "has not happy/Jose.png, which the list of subjects names; mend the list" in _said(add(*words, code=1))
    (tmp_path / "who.csv").write_text("file;subject\nhappy/José.png;E-NO\n", encoding="utf-8-sig")
    assert "'E-NO' has no active consent" in " ".join(add(*words, code=1).output.split())
    assert plant.control.as_role("ml").get("/v1/pictures").json()["items"] == []
    (tmp_path / "who.csv").write_text("file;subject\nhappy/José.png;E-NO\n", encoding="cp1252")
    assert "who.csv:2: 0xe9 is not UTF-8; save it as CSV UTF-8" in _said(add(*words, code=1))


def _said(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_a_dry_run_sends_nothing(add: Command, plant: Plant, tmp_path: Path) -> None:
    write(tmp_path / "pictures", "happy/a.png", drawn("happy", 1))
    said = add(str(tmp_path / "pictures"), "--site", "Callao", "--crop", "--dry-run").output
    assert "1 of 1 pictures could be added" in said
    assert plant.control.as_role("ml").get("/v1/pictures").json()["items"] == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("angry/a.png", "angry is no label; the labels are neutral, stress, sad, happy, fatigue"),
        ("a.png", "holds no picture under"),
    ],
)
def test_a_folder_that_is_none_of_ours_is_refused_whole(add: Command, tmp_path: Path, name: str, says: str) -> None:
    write(tmp_path / "pictures", name, drawn("happy", 1))
    assert says in " ".join(add(str(tmp_path / "pictures"), "--site", "Callao", code=1).stderr.split())


def test_a_site_that_is_not_there_is_said(add: Command, tmp_path: Path) -> None:
    write(tmp_path / "pictures", "happy/a.png", drawn("happy", 1))
    assert "there is no site 'Lima'" in add(str(tmp_path / "pictures"), "--site", "Lima", "--crop", code=1).stderr
    assert (
        "no column subject"
        in add(str(tmp_path / "pictures"), "--site", "Callao", "--subjects", str(_csv(tmp_path)), code=1).stderr
    )


def _csv(folder: Path) -> Path:
    path = folder / "who.csv"
    path.write_text("file,person\na.png,E-YES\n")
    return path
