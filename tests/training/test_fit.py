"""The whole way on made-up faces: fit, killed and resumed, exported, judged in both interpreters, timed."""

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from stressvision_contracts.manifest import read_manifest
from stressvision_training.cli import app
from stressvision_training.data.dataset import file_digest, read_dataset
from support.faces import write_custom, write_fer2013
from support.recipes import small

RECIPE = small(
    epochs=8,
    more="""
[[phases]]
until = 1
side = 32
[[phases]]
until = 8
side = 48
[rows]
custom_repeat = 2
[augmentation]
rotate_degrees = 3.0
scale = [0.95, 1.05]
shift = 0.02
aspect = 0.02
contrast = 0.1
brightness = 0.1
erase = 0.1
webcam = 0.1
""",
)

pytestmark = pytest.mark.train


def _train(*options: object, **environment: str) -> subprocess.CompletedProcess[str]:
    # in a process of its own, as users run it: TensorFlow would stay in this one and keep tflite-runtime out
    command = [sys.executable, "-m", "stressvision_training", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment)


def _records(out: Path) -> list[dict[str, Any]]:
    return list(json.loads((out / "training_history.json").read_text()))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with prepared data and a recipe."""
    where = tmp_path_factory.mktemp("training")
    write_fer2013(where / "fer2013.csv", {"Training": 45, "PublicTest": 10})
    write_custom(where / "custom", people=30)
    sources = ["--fer2013", where / "fer2013.csv", "--ferplus", where / "fer2013new.csv", "--custom", where / "custom"]
    done = CliRunner().invoke(app, ["prepare", *map(str, sources), "--out", str(where / "data")])
    assert done.exit_code == 0, done.output
    (where / "small.toml").write_text(RECIPE)
    return where


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """Return a run that was killed after its first epoch and went on."""
    options = ["fit", "--recipe", folder / "small.toml", "--data", folder / "data", "--out", folder / "run", "--json"]
    command = [sys.executable, "-m", "stressvision_training", *map(str, options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as first:
        assert first.stdout is not None
        assert json.loads(first.stdout.readline())["epoch"] == 1
        os.kill(first.pid, signal.SIGKILL)
    assert [record["epoch"] for record in _records(folder / "run")] in ([1], [1, 2], [1, 2, 3])
    done = _train(*options)
    assert done.returncode == 0, done.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def model(run: Path, folder: Path) -> Path:
    """Return the exported model folder."""
    formats = ["--formats", "int8,float16,float32,keras"]
    done = _train("export", run, "--out", folder / "model", "--version", "9.8.7", "--json", *formats)
    gates = {gate["name"]: gate for gate in json.loads(done.stdout.splitlines()[-1])["gates"]}
    unmet = {name for name, gate in gates.items() if gate["met"] is False}
    # how far apart two interpreters lie on a network this small is the processor's rounding
    assert unmet <= {"difference between interpreters, 99 % of faces"}, done.stdout + done.stderr
    assert done.returncode == len(unmet)
    both = importlib.util.find_spec("tflite_runtime") is not None
    assert gates["same label in both interpreters"]["met"] is (True if both else None)
    assert gates["float tensors"]["figure"] == 0
    assert gates["same label as float, float16 file"]["met"]
    assert gates["same label as float, float32 file"]["met"]
    return folder / "model"


def test_a_killed_run_goes_on_and_learns(run: Path) -> None:
    records = _records(run)
    assert [record["epoch"] for record in records] == list(range(1, 9))
    assert [record["side"] for record in records] == [32, *[48] * 7]
    assert records[-1]["accuracy"] > 0.9
    assert records[-1]["eta_seconds"] == 0
    assert all(0 < record["waiting_share"] < 1 for record in records)


def test_a_killed_run_ends_in_the_weights_of_an_unbroken_one(run: Path, folder: Path) -> None:
    from stressvision_training.architectures.network import load_network

    whole = folder / "unbroken"
    done = _train("fit", "--recipe", folder / "small.toml", "--data", folder / "data", "--out", whole, "--json")
    assert done.returncode == 0, done.stderr
    pairs = [load_network(where / "final_model.keras").get_weights() for where in (run, whole)]
    assert all(np.array_equal(one, other) for one, other in zip(*pairs, strict=True))
    assert [record["loss"] for record in _records(run)] == [record["loss"] for record in _records(whole)]


def test_the_folder_of_a_run_is_laid_out_as_document_5_shows(run: Path) -> None:
    for name in ("final_model.keras", "checkpoints/best_model.keras"):
        assert zipfile.is_zipfile(run / name)
    assert cv2.imread(str(run / "training_history.png")) is not None
    facts = json.loads((run / "experiment_config.json").read_text())
    assert facts["numbers"]["optimiser"]["rate"] == 0.05
    assert facts["code"]["version"]
    assert set(facts["data"]) == {"train.npz", "validation.npz", "test.npz", "index.csv"}
    model = json.loads((run / "model_config.json").read_text())
    assert (model["parameters"], model["input"]) == (5_464, [None, 48, 48, 1])
    with (run / "training_log.csv").open() as file:
        assert [line["epoch"] for line in csv.DictReader(file)] == [str(epoch) for epoch in range(1, 9)]


def test_tensorboard_has_a_point_per_epoch(run: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = EventAccumulator(str(run / "tensorboard"))
    log.Reload()
    points = {point.step: point.tensor_proto.float_val[0] for point in log.Tensors("loss")}
    assert points == pytest.approx({record["epoch"]: record["loss"] for record in _records(run)})


def test_keras_takes_the_backend_that_is_asked_for(folder: Path) -> None:
    options = ["fit", "--recipe", folder / "small.toml", "--data", folder / "data", "--out", folder / "jax", "--json"]
    done = _train(*options, "--set", "epochs=3", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stderr
    assert json.loads((folder / "jax" / "experiment_config.json").read_text())["backend"] == "jax"
    assert _records(folder / "jax")[-1]["accuracy"] > 0.5


def test_the_manifest_says_what_the_model_is(model: Path, run: Path) -> None:
    manifest = read_manifest((model / "manifest.json").read_bytes())
    assert manifest.version == "9.8.7"
    assert set(manifest.episodes) == {"stress", "fatigue"}
    assert "research only" in manifest.licence_note
    assert manifest.scores["int8"]["test"]["fatigue_recall"] > 0.9
    assert manifest.scores["int8"]["test"]["fatigue_false_on_alert_controls"] < 0.1
    card = (model / "README.md").read_text()
    assert "apparent expression" in card
    assert "Not for decisions about a person" in card
    assert f"{manifest.provenance['parameters']:,} parameters" in card
    assert f"{manifest.scores['speed']['p50_ms']:.2f} ms (p50" in card
    assert len((model / "model_int8.tflite").read_bytes()) == manifest.size_bytes
    assert manifest.provenance["float_files"]["network.keras"] == file_digest(run / "final_model.keras")


def test_the_int8_file_is_judged_as_devices_run_it(model: Path, run: Path, folder: Path) -> None:
    figures = folder / "figures"
    options = ["--data", folder / "data", "--split", "test", "--json"]
    asked = ["evaluate", model / "model_int8.tflite", *options, "--out", figures, "--record", folder / "results.csv"]
    for _ in range(2):
        done = CliRunner().invoke(app, list(map(str, asked)))
    assert done.exit_code == 0, done.output
    int8 = json.loads(done.output)
    lines = (folder / "results.csv").read_text().splitlines()
    assert len(lines) == 1 + 2 * 7
    assert "FER+ majority" in lines[7]
    assert int8["accuracy"] > 0.9
    assert sum(map(sum, int8["confusion"])) == int8["rows"]
    assert int8["fatigue"]["false_on_fer2013"]["rows"] == 70
    assert int8["ferplus_majority"]["rows"] == 70
    assert {path.name for path in figures.iterdir()} == {
        "confusion.png",
        "per_class.png",
        "reliability.png",
        "report.json",
    }
    whole = json.loads(_train("evaluate", run / "final_model.keras", *options).stdout.splitlines()[-1])
    assert whole["accuracy"] == pytest.approx(int8["accuracy"], abs=0.05)


def test_a_person_reads_tables(model: Path, folder: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(model), "--data", str(folder / "data")])
    assert done.exit_code == 0, done.output
    assert "FER+ majority" in done.output


def test_the_benchmark_gives_times_and_verdicts(model: Path) -> None:
    asked = ["benchmark", str(model / "model_int8.tflite"), "--runs", "30", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert found["p50_ms"] <= found["p95_ms"] <= found["p99_ms"]
    verdicts = {verdict["name"]: verdict for verdict in found["verdicts"]}
    assert set(verdicts) == {"accuracy", "p50_ms", "p95_ms", "size_bytes"}
    said = read_manifest((model / "manifest.json").read_bytes()).scores["int8"]["test"]["accuracy"]
    assert (verdicts["accuracy"]["figure"], verdicts["accuracy"]["bar"]) == (said, 0.84)
    assert verdicts["accuracy"]["met"] == (said >= 0.84)


def test_the_benchmark_measures_the_accuracy_of_a_bare_file_on_data(model: Path, folder: Path) -> None:
    bare = model / "model_float32.tflite"
    asked = ["benchmark", str(bare), "--runs", "5", "--json"]
    unknown = json.loads(CliRunner().invoke(app, asked).output)
    assert (unknown["accuracy"], unknown["verdicts"][0]["met"]) == (None, None)
    known = json.loads(CliRunner().invoke(app, [*asked, "--data", str(folder / "data")]).output)
    assert known["accuracy"] > 0.9
    assert "FER+ consensus" in known["verdicts"][0]["what"]
    shown = CliRunner().invoke(app, ["benchmark", str(bare), "--runs", "5"]).output
    assert "not measured" in shown


def test_two_models_are_set_against_each_other_on_the_same_rows(model: Path, folder: Path) -> None:
    asked = ["evaluate", str(model), "--data", str(folder / "data")]
    other = ["--against", str(model / "model_float32.tflite")]
    found = json.loads(CliRunner().invoke(app, [*asked, *other, "--json"]).output)["against"]
    assert found["rows"] == 78
    assert found["only_this_right"] + found["only_other_right"] <= 5
    assert 0 <= found["p_value"] <= 1
    assert "McNemar" in CliRunner().invoke(app, [*asked, *other]).output


def test_an_unknown_format_is_named(run: Path, folder: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(run), "--out", str(folder / "no"), "--formats", "int8,int4"])
    assert done.exit_code == 1
    assert "int4 is none of int8, float16, float32, keras" in done.output


def test_a_model_is_judged_on_all_pictures_of_data_that_it_did_not_learn_from(model: Path, folder: Path) -> None:
    write_custom(folder / "others", people=4, seed=9)
    wish = ["prepare", "--custom", folder / "others", "--out", folder / "judging"]
    assert CliRunner().invoke(app, list(map(str, wish))).exit_code == 0
    judging, own = (
        CliRunner().invoke(app, ["evaluate", str(model), "--data", str(folder / data), "--split", "all", "--json"])
        for data in ("judging", "data")
    )
    report = json.loads(judging.output)
    assert (report["split"], report["truth"]["of"]) == ("all", len(read_dataset(folder / "judging")))
    assert report["truth"]["of"] == sum(path.suffix == ".png" for path in (folder / "others").rglob("*"))
    assert own.exit_code == 1
    assert "learnt from the training rows of" in " ".join(own.output.split())
    bare = ["evaluate", str(model / "network.keras"), "--data", str(folder / "data"), "--split", "all", "--json"]
    assert "does not say what it learnt from" in json.loads(CliRunner().invoke(app, bare).output)["notes"][0]


def test_an_empty_split_is_named(model: Path, folder: Path) -> None:
    done = CliRunner().invoke(app, ["evaluate", str(model), "--data", str(folder / "data"), "--split", "public"])
    assert done.exit_code == 1
    assert "no public rows" in done.output
