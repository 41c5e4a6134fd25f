import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from stressvision_agent.camera import SourceError
from stressvision_agent.classify import classify_image
from stressvision_vision.faces import HaarDetector
from support.pictures import portrait, room
from support.seeing import ToldClassifier

HAPPY = ToldClassifier((0.05, 0.05, 0.05, 0.8, 0.05))


def classify(path, **changes):
    return classify_image(path, classifier=HAPPY, detector=HaarDetector(), **changes)


@pytest.fixture
def picture(tmp_path):
    def write(grey, name="face.png"):
        cv2.imwrite(str(tmp_path / name), grey)
        return tmp_path / name

    return write


def test_a_face_is_found_and_labelled(picture):
    path = picture(portrait(1.2))
    found = json.loads(json.dumps(classify(path)))
    assert found["file"] == str(path)
    (face,) = found["faces"]
    assert face["label"] == "happy"
    assert face["probabilities"] == {"neutral": 0.05, "stress": 0.05, "sad": 0.05, "happy": 0.8, "fatigue": 0.05}
    x, y, w, h = face["box"]
    assert 250 < x < 310
    assert 150 < y < 200
    assert w == h == pytest.approx(120, abs=20)


def test_no_face_is_an_answer(picture):
    assert classify(picture(room()))["faces"] == []


def test_a_box_in_a_large_picture_is_in_its_own_pixels(picture):
    small = portrait(1.2)
    large = cv2.resize(small, (2560, 1920), interpolation=cv2.INTER_LINEAR)
    (face,) = classify(picture(large))["faces"]
    assert face["box"][0] == pytest.approx(4 * 288, abs=60)
    assert face["box"][2] == pytest.approx(4 * 125, abs=80)


@pytest.mark.parametrize("shape", [(48, 48), (30, 60), (200, 100)])
def test_the_whole_picture_may_be_the_face(picture, shape):
    (face,) = classify(picture(np.full(shape, 90, np.uint8)), crop_whole=True)["faces"]
    assert face["box"] == [0, 0, shape[1], shape[0]]


def test_a_colour_jpeg_is_read_too(picture):
    path = picture(cv2.cvtColor(portrait(1.2), cv2.COLOR_GRAY2BGR), "face.jpg")
    assert len(classify(path)["faces"]) == 1


def test_what_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"absent\.jpg is no file"):
        classify(tmp_path / "absent.jpg")
    (tmp_path / "text.jpg").write_text("no picture")
    with pytest.raises(SourceError, match=r"text\.jpg cannot be decoded"):
        classify(tmp_path / "text.jpg")


@pytest.mark.parametrize("command", [["classify", "--crop", "face.png"], ["bench"]])
def test_a_delegate_that_is_not_there_is_named(command, tmp_path, monkeypatch, capfd):
    from typer.testing import CliRunner

    from stressvision_agent.cli import app

    (tmp_path / "agent.toml").write_text(
        f'[server]\nurl = "https://stressvision.example"\n[device]\nstate_dir = "{tmp_path}"\n'
        f'[vision]\nmodel = "{Path(__file__).parents[2] / "models" / "stressvision"}"\n'
    )
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, [*command, "--config", "agent.toml", "--delegate", "libedgetpu.so.1"])
    assert done.exit_code == 1
    said = done.output + capfd.readouterr().err
    assert "delegate libedgetpu.so.1: cannot be loaded" in said
