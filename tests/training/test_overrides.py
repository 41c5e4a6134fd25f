"""Changing numbers of a recipe by `--set`, and the TOML in which the result is stored."""

from pathlib import Path

import pytest

from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.recipe import read_recipe, recipe_text

RECIPES = sorted((Path(__file__).parents[2] / "training" / "recipes").glob("*.toml"))
MOBILENET = RECIPES[0].parent / "mobilenetv2.toml"


def test_a_full_key_and_the_end_of_one() -> None:
    changes = ["architecture.input_size=120", "optimiser.rate=0.01", "epochs=2", "weights=none", "limit=500"]
    recipe = read_recipe(MOBILENET, changes)
    assert (recipe.architecture.input_size, recipe.optimiser.rate, recipe.epochs) == (120, 0.01, 2)
    assert recipe.rows.limit == 500
    assert read_recipe(MOBILENET, ["input_size=120"]).architecture.input_size == 120


def test_a_member_of_a_list_a_list_and_nothing() -> None:
    recipe = read_recipe(MOBILENET, ["tuning.1.rate=1e-5", "scale=[0.9, 1.1]", "heads.0.labels=majority"])
    assert recipe.tuning[1].rate == 1e-5
    assert recipe.augmentation.scale == (0.9, 1.1)
    assert recipe.heads[0].labels == "majority"
    ours = RECIPES[0].parent / "stressvision.toml"
    assert read_recipe(ours, ["input_size=120", "phases="]).phases == []
    document5 = RECIPES[0].parent / "mobilenetv3-small.toml"
    assert read_recipe(document5, ["stop_after="]).stop_after is None


def test_a_part_that_is_off_is_switched_on_as_a_whole() -> None:
    both = ["optimiser.plateau.factor=0.5", "optimiser.plateau.patience=4"]
    assert read_recipe(MOBILENET, both).optimiser.plateau is not None
    with pytest.raises(SourceError, match=r"missing required field `patience` - at `\$.optimiser.plateau`"):
        read_recipe(MOBILENET, both[:1])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("inputsize=120", "--set inputsize: the recipe has no such key; near it are architecture.input_size"),
        ("optimiser.rat=1", r"near it are optimiser\.rate"),
        ("quite_other=1", "there are seed, epochs"),
        ("rate=0.1", r"tuning\.0\.rate or tuning\.1\.rate or optimiser\.rate\? Give one of them"),
        ("epochs", "give it as key=value"),
        ("epochs=many", r"Expected `int`, got `str` - at `\$.epochs`"),
        ("batch=0", r"\$.batch"),
        ("tuning.7.rate=1", r"no such key; near it are tuning\.1\.rate"),
        ("tuning.0.until=40", "they must rise"),
        ("phases=[{until = 1, side = 32}]", "this architecture cannot take"),
    ],
)
def test_a_wrong_change_is_named(change: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_recipe(MOBILENET, [change])


def test_tuning_needs_a_backbone() -> None:
    with pytest.raises(SourceError, match="which this architecture has not"):
        read_recipe(RECIPES[0].parent / "simple-cnn.toml", ["tuning=[{until = 50}]"])


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_written_as_toml_reads_as_the_same(path: Path, tmp_path: Path) -> None:
    recipe = read_recipe(path, ["seed=7"])
    (tmp_path / "stored.toml").write_text(recipe_text(recipe))
    assert read_recipe(tmp_path / "stored.toml") == recipe
