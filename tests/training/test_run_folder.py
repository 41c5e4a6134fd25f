"""The folder of a run: who may work in it, what goes on, and what a kill or a full disk leaves there."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from stressvision_training.data.dataset import read_dataset
from stressvision_training.data.prepare import Preparation, prepare
from stressvision_training.data.rows import SourceError
from stressvision_training.exporting.export import export
from stressvision_training.fitting import backend
from stressvision_training.fitting.fit import fit
from stressvision_training.fitting.recipe import read_recipe
from stressvision_training.fitting.run_folder import Beginning, alone, begin
from support.faces import write_custom, write_fer2013
from support.recipes import TWO_HEADS, small

pytestmark = pytest.mark.train


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
