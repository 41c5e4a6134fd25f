"""Times and verdicts: each bar of the client is met, not met, or was not measured, and says what it rests on."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from stressvision_training.cli import app
from stressvision_training.exporting.quantise import to_float, to_int8
from support.faces import write_fer2013
from support.manifests import make_manifest

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),  # TensorFlow's, of uint8 inputs
]

CONSENSUS = "FER+ consensus; 3,627 of 4,116 rows"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with one small network as `whole.tflite` (float) and `int8.tflite`, no manifest beside them."""
    import keras

    folder = tmp_path_factory.mktemp("files")
    keras.utils.set_random_seed(6)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((48, 48, 1), batch_size=1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 5, strides=4, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(5, activation="softmax"),
        ]
    )
    faces = np.random.default_rng(0).integers(0, 256, (20, 48, 48), np.uint8)
    (folder / "whole.tflite").write_bytes(to_float(network, half=False))
    (folder / "int8.tflite").write_bytes(to_int8(network, faces))
    return folder


def _with_manifest(files: Path, folder: Path, scores: dict[str, Any]) -> Path:
    content = (files / "int8.tflite").read_bytes()
    (folder / "model.tflite").write_bytes(content)
    facts = {"digest": hashlib.sha256(content).hexdigest(), "size_bytes": len(content), "scores": scores}
    (folder / "manifest.json").write_text(json.dumps(make_manifest(**facts)))
    return folder / "model.tflite"


def _told(*options: object) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["benchmark", *map(str, options), "--runs", "20", "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _verdict(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(verdict for verdict in found["verdicts"] if verdict["name"] == name)


@pytest.mark.parametrize(("accuracy", "met"), [(0.84, True), (0.8399, False)])
def test_the_manifests_accuracy_is_held_to_84_percent(accuracy: float, met: bool, files: Path, tmp_path: Path) -> None:
    scores = {"int8": {"test": {"accuracy": accuracy}}, "judged_by": {"test": CONSENSUS}}
    verdict = _verdict(_told(_with_manifest(files, tmp_path, scores)), "accuracy")
    assert (verdict["figure"], verdict["bar"], verdict["met"]) == (accuracy, 0.84, met)
    assert CONSENSUS in verdict["what"]


def test_a_manifest_without_scores_leaves_it_open(files: Path, tmp_path: Path) -> None:
    found = _told(_with_manifest(files, tmp_path, {}))
    assert (found["accuracy"], _verdict(found, "accuracy")["met"]) == (None, None)
    assert found["version"] == "test-1"


@pytest.mark.parametrize("name", ["whole", "int8"])
def test_a_file_without_a_manifest_has_times_and_a_size(name: str, files: Path) -> None:
    found = _told(files / f"{name}.tflite")
    assert found["size_bytes"] == (files / f"{name}.tflite").stat().st_size
    assert 0 < found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    assert found["fps"] == pytest.approx(1000 / found["mean_ms"])
    assert found["std_ms"] > 0
    assert (found["version"], found["accuracy"]) == (None, None)
    assert _verdict(found, "p95_ms")["met"] is (found["p95_ms"] <= 200)
    assert _verdict(found, "size_bytes")["met"] is True


def test_data_say_what_nobody_wrote_down(files: Path, tmp_path: Path) -> None:
    write_fer2013(tmp_path / "fer2013.csv", {"Training": 8, "PublicTest": 3})
    sources = ["--fer2013", str(tmp_path / "fer2013.csv"), "--out", str(tmp_path / "data")]
    assert CliRunner().invoke(app, ["prepare", *sources]).exit_code == 0
    data = ["--data", tmp_path / "data"]
    found = _told(files / "whole.tflite", *data, "--input-range", "grey")
    what = _verdict(found, "accuracy")["what"]
    assert "measured: test, own labels; 21 of 21 rows" in what  # no votes, so FER-2013's labels are the headline
    judged = CliRunner().invoke(
        app, ["evaluate", str(files / "whole.tflite"), *map(str, data), "--input-range", "grey", "--json"]
    )
    assert json.loads(judged.stdout)["accuracy"] == found["accuracy"]


def test_the_verdicts_are_words_for_people(files: Path, tmp_path: Path) -> None:
    scores = {"int8": {"test": {"accuracy": 0.5}}, "judged_by": {"test": CONSENSUS}}
    shown = CliRunner().invoke(app, ["benchmark", str(_with_manifest(files, tmp_path, scores)), "--runs", "5"]).stdout
    assert "NOT met" in shown
    assert "Raspberry Pi" in shown
    assert "not measured" in CliRunner().invoke(app, ["benchmark", str(files / "int8.tflite"), "--runs", "5"]).stdout


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "no.tflite").write_bytes(b"no model")
    done = CliRunner().invoke(app, ["benchmark", str(tmp_path / "no.tflite")])
    assert done.exit_code == 1
    assert "no.tflite" in done.output
    done = CliRunner().invoke(app, ["benchmark", str(tmp_path / "network.keras")])
    assert (done.exit_code, "export` writes one" in done.output) == (1, True)
