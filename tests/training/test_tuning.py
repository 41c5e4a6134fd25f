"""Legs of a run: what learns when, at which rate, when it ends, and that a kill between legs changes nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from stressvision_training.fitting.optimisation import plateau_rate
from stressvision_training.fitting.recipe import Plateau, Recipe, read_recipe
from stressvision_training.fitting.tuning import legs_of
from support.faces import write_fer2013

RECIPES = Path(__file__).parents[2] / "training" / "recipes"


def _recipe(name: str, *changes: str) -> Recipe:
    return read_recipe(RECIPES / f"{name}.toml", changes)


def test_a_pretrained_run_has_a_leg_for_each_part_and_its_rate() -> None:
    legs = legs_of(_recipe("vggface-finetune"), pretrained=True)
    assert [(leg.first, leg.until, leg.backbone) for leg in legs] == [(0, 20, 0), (20, 70, "block5")]
    assert [leg.optimiser.rate for leg in legs] == [1e-3, 1e-5]


def test_fewer_epochs_cut_the_legs_short() -> None:
    legs = legs_of(_recipe("vggface-finetune", "epochs=20"), pretrained=True)
    assert [(leg.first, leg.until) for leg in legs] == [(0, 20)]


def test_from_scratch_everything_learns_at_the_optimisers_rate() -> None:
    (leg,) = legs_of(_recipe("vggface-finetune"), pretrained=False)
    assert (leg.until, leg.backbone, leg.optimiser.rate) == (70, "all", 1e-3)


@pytest.mark.parametrize(
    ("figures", "rate"),
    [
        ([], 1.0),
        ([0.1, 0.2, 0.2], 1.0),
        ([0.1, 0.2, 0.2, 0.2], 0.5),
        ([0.2, 0.1, 0.1, 0.3, 0.2, 0.2], 0.25),
        ([0.2] * 9, 0.2),
    ],
)
def test_a_plateau_lowers_the_rate_and_not_below_the_least(figures: list[float], rate: float) -> None:
    assert plateau_rate(1.0, Plateau(factor=0.5, patience=2, least=0.2), figures) == rate


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a prepared folder of a few made-up faces."""
    where = tmp_path_factory.mktemp("tuning")
    write_fer2013(where / "fer2013.csv", {"Training": 12, "PublicTest": 2, "PrivateTest": 2})
    sources = ["prepare", "--fer2013", where / "fer2013.csv", "--labels", "fer7", "--out", where / "data"]
    from stressvision_training.cli import app

    done = CliRunner().invoke(app, list(map(str, sources)))
    assert done.exit_code == 0, done.output
    return where / "data"


class _KilledError(Exception):
    """The run ends here."""


@pytest.mark.train
def test_a_run_killed_between_legs_ends_in_the_same_weights(data: Path, tmp_path: Path) -> None:
    from stressvision_training.architectures import build
    from stressvision_training.architectures.backbone import backbone_of
    from stressvision_training.architectures.network import load_network
    from stressvision_training.fitting.fit import fit

    small = ["input_size=32", "batch=16", "threads=1", "select=last"]
    donor = build(_recipe("vggface-finetune", *small).architecture, ["fer7"])
    donor.save(tmp_path / "donor.keras")
    named = f"weights={tmp_path / 'donor.keras'}"
    changes = [*small, named, "rows.limit=32", "epochs=3", "tuning.0.until=2", "tuning.1.rate=0.001"]
    said: list[dict[str, Any]] = []

    def until_second(record: dict[str, Any]) -> None:
        said.append(record)
        if record.get("epochs") and record["epoch"] == 2:
            raise _KilledError

    asked = (RECIPES / "vggface-finetune.toml", data)
    with pytest.raises(_KilledError):
        fit(*asked, tmp_path / "killed", until_second, changes=changes)
    assert said[0]["says"] == f"begins with pretrained weights, {tmp_path / 'donor.keras'}"
    fit(*asked, tmp_path / "killed", changes=changes)
    fit(*asked, tmp_path / "whole", changes=changes)
    killed, whole = (load_network(tmp_path / run / "final_model.keras").get_weights() for run in ("killed", "whole"))
    assert all(np.array_equal(one, other) for one, other in zip(killed, whole, strict=True))
    begun, ended = backbone_of(donor), backbone_of(load_network(tmp_path / "whole" / "final_model.keras"))
    same = [bool(np.array_equal(one, other)) for one, other in zip(begun.weights, ended.weights, strict=True)]
    assert same == [True] * 20 + [False] * 6


@pytest.mark.train
def test_the_backbone_stays_while_the_head_learns(data: Path, tmp_path: Path) -> None:
    from stressvision_training.architectures import build
    from stressvision_training.architectures.backbone import backbone_of
    from stressvision_training.architectures.network import load_network
    from stressvision_training.fitting.fit import fit

    small = ["input_size=32", "width=0.35", "batch=16", "threads=1", "select=last", "epochs=1"]
    donor = build(_recipe("mobilenetv2", *small).architecture, ["fer7"])
    donor.save(tmp_path / "donor.keras")
    changes = [*small, f"weights={tmp_path / 'donor.keras'}"]
    fit(RECIPES / "mobilenetv2.toml", data, tmp_path / "run", changes=changes)
    trained = load_network(tmp_path / "run" / "final_model.keras")
    pairs = zip(backbone_of(donor).get_weights(), backbone_of(trained).get_weights(), strict=True)
    assert all(np.array_equal(one, other) for one, other in pairs)
    assert not np.array_equal(donor.get_layer("fer7").get_weights()[0], trained.get_layer("fer7").get_weights()[0])


@pytest.mark.train
@pytest.mark.parametrize(("watch", "sign"), [("accuracy", 1), ("validation_loss", -1)])
def test_a_run_ends_when_it_gets_no_better(data: Path, tmp_path: Path, watch: str, sign: int) -> None:
    from stressvision_training.fitting.fit import fit

    still = "optimiser.rate=1e-30"  # a step that leaves every answer as it was
    changes = ["epochs=30", "stop_after=2", f"watch={watch}", still, "threads=1", "rows.limit=32"]
    records: list[dict[str, Any]] = []
    best = fit(RECIPES / "simple-cnn.toml", data, tmp_path / "run", records.append, changes=changes)
    epochs = [record for record in records if "loss" in record]
    assert len(epochs) < 30
    figures = [sign * record[watch] for record in epochs]
    assert len(figures) - 1 - figures.index(max(figures)) == 2
    assert best["accuracy"] == max(record["accuracy"] for record in epochs)
    again: list[dict[str, Any]] = []
    fit(RECIPES / "simple-cnn.toml", data, tmp_path / "run", again.append, changes=changes)
    assert not [record for record in again if "loss" in record]
