"""Predicting: a JSON line and a drawing for each picture, faces or none, and a bad one named without stopping."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage.data import astronaut
from typer.testing import CliRunner

from stressvision_agent.cli import app as agent_app
from stressvision_contracts.labels import COMPANY5
from stressvision_training.cli import app
from stressvision_training.trial.predict import SCREEN, Face, Picture, draw

MODEL = Path(__file__).parents[2] / "models" / "stressvision" / "model_int8.tflite"


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    return path


def _predict(*options: object) -> tuple[int, list[dict], str]:
    done = CliRunner().invoke(app, ["predict", str(MODEL), *map(str, options), "--json"])
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")], done.output


def test_a_portrait_has_a_face_with_a_bar_for_every_class(portrait: Path, tmp_path: Path) -> None:
    code, (found,), _ = _predict(portrait, "--out", tmp_path / "out")
    assert code == 0
    assert found["file"] == str(portrait)
    (face,) = found["faces"]
    x, y, w, h = face["box"]
    assert 150 < x + w / 2 < 290  # the middle of the face is at 220, 110
    assert 60 < y + h / 2 < 170
    assert face["label"] == "happy"
    assert tuple(face["probabilities"]) == COMPANY5
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    drawn = cv2.imread(str(tmp_path / "out" / "astronaut-predicted.png"))
    assert drawn.shape == (600, 1200, 3)
    assert (np.abs(drawn.astype(int) - (178, 114, 0)).sum(axis=2) < 30).sum() > 2000  # box and bars, in blue


def test_no_face_is_an_answer(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "wall.png"), np.full((300, 400, 3), 127, np.uint8))
    code, (found,), _ = _predict(tmp_path / "wall.png", "--out", tmp_path / "out")
    assert (code, found["faces"]) == (0, [])
    assert (tmp_path / "out" / "wall-predicted.png").is_file()


def test_a_broken_network_says_nothing(portrait: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        labels, side = COMPANY5, 48

        def __call__(self, images: np.ndarray) -> np.ndarray:
            return np.full((len(images), len(COMPANY5)), np.nan, np.float32)

    monkeypatch.setattr("stressvision_training.evaluation.predictor.predictor", lambda *_: Broken())
    code, said, output = _predict(portrait, "--out", tmp_path / "out")
    assert (code, said, "1 of 1 faces are no numbers" in " ".join(output.split())) == (1, [], True), output


def test_with_crop_all_of_the_picture_is_the_face(portrait: Path, tmp_path: Path) -> None:
    _, (found,), _ = _predict(portrait, "--crop", "--out", tmp_path / "out")
    assert found["faces"][0]["box"] == [0, 0, 512, 512]


def test_a_bad_picture_is_named_and_the_others_go_on(portrait: Path, tmp_path: Path) -> None:
    bad = tmp_path / "notes.jpg"
    bad.write_text("no picture")
    code, found, said = _predict(bad, portrait, "--out", tmp_path / "out")
    assert code == 1
    assert [line["file"] for line in found] == [str(portrait)]
    assert "notes.jpg: not a picture" in said


def test_pictures_of_one_name_have_a_drawing_each(portrait: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(portrait, tmp_path / "other" / portrait.name)
    _predict(portrait, tmp_path / "other" / portrait.name, "--out", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_the_answer_is_the_agents(portrait: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide.jpg"
    cv2.imwrite(str(wide), cv2.imread(str(portrait))[40:240])
    for options in ([], ["--crop"]):
        _, found, _ = _predict(portrait, wide, *options, "--out", tmp_path / "out")
        agent = CliRunner().invoke(
            agent_app, ["classify", "--model", str(MODEL), *options, "--json", str(portrait), str(wide)]
        )
        assert found == [json.loads(line) for line in agent.stdout.splitlines() if line.startswith("{")]


def test_a_picture_is_never_drawn_over(portrait: Path, tmp_path: Path) -> None:
    before = portrait.read_bytes()
    _predict(portrait, "--out", tmp_path)
    assert portrait.read_bytes() == before


def test_a_person_reads_a_table(portrait: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["predict", str(MODEL), str(portrait), "--out", str(tmp_path)])
    assert "apparent" in done.stdout
    assert "happy" in done.stdout


def test_a_large_picture_is_drawn_small_with_its_boxes_in_place() -> None:
    wide = np.zeros((1000, 5000), np.uint8)
    face: Face = {"box": [4000, 500, 300, 300], "label": "sad", "probabilities": {"sad": 1.0}}
    figure = draw(Picture(np.dstack([wide] * 3), wide), [face])
    photo = figure.axes[0]
    assert photo.images[0].get_array().shape == (320, SCREEN, 3)
    assert (photo.get_xlim(), photo.get_ylim()) == ((-0.5, 4999.5), (999.5, -0.5))
    assert photo.patches[0].get_xy() == (4000, 500)
