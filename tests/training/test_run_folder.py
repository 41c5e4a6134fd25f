"""The folder of a run: who may work in it, what goes on, and what a kill or a full disk leaves there."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from stressvision_contracts.labels import LABELS
from stressvision_training.architectures.network import load_network, probabilities_of
from stressvision_training.data.dataset import read_dataset
from stressvision_training.data.prepare import Preparation, prepare
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.truth import truth_for
from stressvision_training.exporting.export import export
from stressvision_training.exporting.gates import Gate
from stressvision_training.fitting import backend
from stressvision_training.fitting.distillation import teach
from stressvision_training.fitting.fit import fit
from stressvision_training.fitting.recipe import read_recipe
from stressvision_training.fitting.run_folder import Beginning, alone, begin, unfinished
from support.faces import write_custom, write_fer2013
from support.recipes import TWO_HEADS, small

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore:Statistics for quantized inputs:UserWarning"),  # TensorFlow's, of uint8 inputs
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with prepared data, company pictures alone and beside FER-2013, a recipe and a finished run."""
    where = tmp_path_factory.mktemp("runs")
    write_fer2013(where / "fer2013.csv", {"Training": 20, "PublicTest": 3})
    write_custom(where / "custom", people=12)
    prepare(Preparation(fer2013=where / "fer2013.csv"), where / "data")
    prepare(Preparation(custom=where / "custom"), where / "company")
    (where / "small.toml").write_text(small())
    fit(where / "small.toml", where / "data", where / "run", changes=["epochs=2"])
    return where


def _fit(folder: Path, out: Path, *changes: str, **options: Any) -> list[dict[str, Any]]:
    said: list[dict[str, Any]] = []
    fit(folder / "small.toml", folder / "data", out, said.append, changes=["epochs=2", *changes], **options)
    return said


@pytest.fixture
def run(folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the finished run."""
    shutil.copytree(folder / "run", tmp_path / "run")
    return tmp_path / "run"


def test_two_fits_in_one_folder_would_mix_their_weights(folder: Path, run: Path) -> None:
    with alone(run), pytest.raises(SourceError, match="another fit is at work in it"):
        _fit(folder, run)
    _fit(folder, run)


def test_a_kill_between_checkpoint_and_history_loses_no_record(folder: Path, run: Path) -> None:
    whole = {name: (run / name).read_text() for name in ("training_history.json", "training_log.csv")}
    (run / "training_history.json").write_text(json.dumps(json.loads(whole["training_history.json"])[:1]))
    (run / "training_log.csv").write_text("epoch,ep")
    assert _fit(folder, run)[0]["says"] == "goes on after epoch 2"
    assert {name: (run / name).read_text() for name in whole} == whole


def test_what_a_run_began_with_is_kept(run: Path) -> None:
    facts = json.loads((run / "experiment_config.json").read_text())
    assert (facts["changes"], facts["begins"]) == (["epochs=2"], "from scratch, no pretrained weights")


@pytest.mark.parametrize("left", ["", '{"recipe": "sm', "{}"])
def test_before_its_first_epoch_is_over_a_run_begins_anew(folder: Path, tmp_path: Path, left: str) -> None:
    (tmp_path / "experiment_config.json").write_text(left)
    path = folder / "small.toml"
    asked = (path, read_recipe(path), folder / "data", read_dataset(folder / "data"), Beginning())
    assert begin(tmp_path, *asked).startswith("begins from scratch")
    assert json.loads((tmp_path / "experiment_config.json").read_text())["recipe"] == "small.toml"


def test_what_does_not_go_on_says_what_differs(folder: Path, run: Path) -> None:
    with pytest.raises(SourceError, match=r"a run of another recipe; give .*run/recipe.toml, or another --out"):
        _fit(folder, run, "seed=7")
    with pytest.raises(SourceError, match=r"a run on other data; give .*/data, or another --out"):
        fit(folder / "small.toml", folder / "company", run, changes=["epochs=2"])
    with pytest.raises(SourceError, match=r"began from scratch, no pretrained weights; begin alike"):
        _fit(folder, run, init=run / "final_model.keras")


def test_a_run_goes_on_with_the_network_that_it_began_with_alone(folder: Path, run: Path, tmp_path: Path) -> None:
    _fit(folder, tmp_path / "next", init=run / "final_model.keras")
    assert _fit(folder, tmp_path / "next", init=run / "final_model.keras")[0]["says"] == "goes on after epoch 2"
    with pytest.raises(SourceError, match=r"began with the weights of run/final_model.keras; begin alike"):
        _fit(folder, tmp_path / "next", init=tmp_path / "next" / "final_model.keras")


def test_a_run_begins_with_a_larger_network_cut_down_and_with_no_other(folder: Path, run: Path, tmp_path: Path) -> None:
    begun = _fit(folder, tmp_path / "less", "architecture.stages.1.inner_filters=12", init=run / "final_model.keras")
    assert begun[0]["says"].startswith("begins with the weights of run/final_model.keras")
    with pytest.raises(SourceError, match=r"final_model.keras: its layers are not those of the recipe, nor"):
        _fit(folder, tmp_path / "more", "architecture.stages.1.filters=24", init=run / "final_model.keras")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("checkpoints/last.npz", None, r"last.npz: is damaged \(.*take it away to begin anew"),
        ("checkpoints/last.npz", b"no archive", r"last.npz: is damaged"),
        ("experiment_config.json", b"{}", r"experiment_config.json: has no recipe, numbers"),
        ("experiment_config.json", b"[", r"experiment_config.json: is damaged"),
        ("recipe.toml", b"seed = \xff", r"recipe.toml: .*can't decode"),
        ("recipe.toml", b"seed = 1", r"recipe.toml: .*missing required field"),
    ],
)
def test_a_damaged_run_is_named(folder: Path, run: Path, name: str, content: bytes | None, says: str) -> None:
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole[: len(whole) // 2] if content is None else content)
    with pytest.raises(SourceError, match=says):
        _fit(folder, run)


def test_a_network_that_is_none_is_named(folder: Path, run: Path) -> None:
    with zipfile.ZipFile(run / "other.keras", "w") as archive:
        archive.writestr("notes.txt", "no network")
    with pytest.raises(SourceError, match=r"other.keras: not a Keras model that can be loaded here"):
        _fit(folder, run.parent / "next", init=run / "other.keras")


def test_a_head_that_would_learn_nothing_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"the head expressions9 learns from votes, but none of the 132 training"):
        _fit(folder, tmp_path / "run", "heads.1.labels=votes")


def test_a_teacher_has_one_voice(folder: Path, run: Path, tmp_path: Path) -> None:
    shutil.copyfile(run / "final_model.keras", tmp_path / "again.keras")
    same = [run / "final_model.keras", tmp_path / "again.keras"]
    with pytest.raises(SourceError, match=r"again.keras: is the same network as final_model.keras"):
        _fit(folder, tmp_path / "next", "distillation.share=0.5", teachers=same)
    with pytest.raises(SourceError, match=r"again.keras: is the same network as final_model.keras"):
        teach(same, folder / "data", tmp_path / "lessons.npz")


def test_an_epoch_is_judged_by_the_loss_on_validation_rows_too(folder: Path, run: Path) -> None:
    best = max(json.loads((run / "training_history.json").read_text()), key=lambda record: record["macro_f1"])
    rows, network = read_dataset(folder / "data").part("validation"), load_network(run / "final_model.keras")
    losses = []
    for scheme, labels in LABELS.items():
        truth = truth_for(rows, scheme)
        said = probabilities_of(network, rows.images, scheme)[truth >= 0]
        losses.append(log_loss(truth[truth >= 0], said, labels=range(len(labels))))
    assert best["validation_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    assert all(0 < best[f"macro_{name}"] <= 1 for name in ("precision", "recall", "auc"))


def test_going_on_under_other_versions_is_said(folder: Path, run: Path) -> None:
    config = run / "experiment_config.json"
    config.write_text(config.read_text().replace('"keras": "3', '"keras": "2'))
    said = _fit(folder, run)[0]["says"]
    assert said.startswith("goes on after epoch 2; it began on tensorflow")
    assert said.endswith("it will not end in the weights of an unbroken run")


def test_the_backend_is_asked_nothing_before_it_has_its_threads(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr("stressvision_training.fitting.fit.limit_threads", lambda _: asked.append("threads"))
    monkeypatch.setattr("stressvision_training.fitting.run_folder.policy_of", lambda _: asked.append("policy"))
    monkeypatch.setattr("stressvision_training.fitting.fit._train", lambda *_: {})
    fit(folder / "small.toml", folder / "data", tmp_path / "run")
    assert asked[:2] == ["threads", "policy"]


@pytest.mark.parametrize(
    ("flags", "policy", "said"),
    [
        ("flags : fpu avx512f amx_bf16", "mixed_bfloat16", False),
        ("flags : fpu avx512_bf16", "mixed_bfloat16", False),
        ("flags : fpu avx512f", "float32", True),
        ("", "float32", True),
    ],
)
def test_bfloat16_is_for_processors_that_multiply_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: str, policy: str, said: bool
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    monkeypatch.setattr(backend, "CPU_INFO", tmp_path / "cpuinfo")
    assert backend.policy_of("auto") == policy
    path, data = folder / "small.toml", folder / "data"
    asked = read_recipe(path, ["precision=mixed_bfloat16"])
    says = begin(tmp_path / "run", path, asked, data, read_dataset(data), Beginning())
    assert ("no instructions for bfloat16" in says) == said
    assert json.loads((tmp_path / "run/experiment_config.json").read_text())["policy"] == "mixed_bfloat16"


def test_a_run_that_was_broken_off_is_exported_as_such(folder: Path, run: Path) -> None:
    assert unfinished(run) is None
    (run / "final_model.keras").unlink()
    (run / "training_history.json").write_text(json.dumps(json.loads((run / "training_history.json").read_text())[:1]))
    assert unfinished(run) == "only 1 of 2 epochs are done"
    manifest = export(run, run.parent / "model", "1.0.0", scheme="fer7").manifest
    assert (manifest.provenance["epochs"], manifest.provenance["of_epochs"]) == (1, 2)
    assert "# stopped after epoch 1" in (run.parent / "model" / "README.md").read_text()


def test_a_model_that_misses_a_gate_takes_no_ones_place(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = run.parent / "model"
    first = export(run, out, "1.0.0", scheme="fer7")
    assert first.folder == out  # whatever its gates: nothing lay there
    gate = Gate(name="made up", figure=0.0, bar=">= 1", met=False)
    monkeypatch.setattr("stressvision_training.exporting.export._gates", lambda *_: [gate])
    second = export(run, out, "2.0.0", scheme="fer7")
    assert second.folder == run.parent / "model.refused"
    assert [json.loads((folder / "manifest.json").read_text())["version"] for folder in (out, second.folder)] == [
        "1.0.0",
        "2.0.0",
    ]


def test_a_head_that_no_row_has_a_label_for_spoils_no_figure(folder: Path, tmp_path: Path) -> None:
    best = fit(folder / "small.toml", folder / "company", tmp_path / "run", changes=["epochs=1"])
    assert best["accuracy"] == best["company5_accuracy"]
    json.dumps(best, allow_nan=False)  # with a NaN no later epoch would be better
    with pytest.raises(SourceError, match="no validation row has a label of fer7, so nothing can be calibrated"):
        export(tmp_path / "run", tmp_path / "model", "1.0.0", scheme="fer7")
    assert not list(tmp_path.glob("model*"))


def test_data_on_which_no_epoch_can_be_judged_are_refused_at_once(folder: Path, tmp_path: Path) -> None:
    path = folder / "one.toml"
    path.write_text(small(TWO_HEADS[: TWO_HEADS.rindex("[[heads]]")]))
    with pytest.raises(SourceError, match="no validation row has a label of fer7, so no epoch could be judged"):
        fit(path, folder / "company", tmp_path / "run")
