"""Recipes: every shipped one can be read, and a wrong key is named."""

from pathlib import Path

import pytest

from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.recipe import read_recipe

RECIPES = sorted((Path(__file__).parents[2] / "training" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_ends_at_the_size_that_devices_feed(path: Path) -> None:
    recipe = read_recipe(path)
    assert recipe.side(recipe.epochs - 1) == recipe.architecture.input_size
    assert not recipe.phases or recipe.phases[-1].until == recipe.epochs


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("epochs =", "epoch =", "epoch"),
        ("batch = 128", "batch = 0", r"\$.batch"),
        ("dropout = 0.15", 'dropout = "much"', r"\$.architecture.dropout"),
        ('name = "plain-residual"', 'name = "plain"', "Invalid value 'plain'"),
        ('classes = "fer7"', 'classes = "expressions9"', "two heads"),
        (
            "[optimiser]",
            "[[phases]]\nuntil = 3\nside = 32\n[optimiser]",
            r"phases end at .*3\]; they must rise",
        ),
        (
            "[optimiser]",
            "[[phases]]\nuntil = 99\nside = 32\n[optimiser]",
            r"phases end at 32 pixels, judged is at 48; --set phases= leaves them out",
        ),
    ],
)
def test_a_wrong_key_or_value_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (RECIPES[0].parent / "stressvision.toml").read_text()
    assert old in text
    (tmp_path / "wrong.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(SourceError, match=says):
        read_recipe(tmp_path / "wrong.toml")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("optimiser.rate=inf", "optimiser.rate is inf; give a finite number"),
        ("heads.1.weight=nan", r"Expected `float` > 0.0 - at `\$.heads\[1\].weight`"),
        ("augmentation.scale=[0.9, inf]", "augmentation.scale.1 is inf"),
        ("seed=-1", r"`int` >= 0 - at `\$.seed`"),
        ("seed=4294967296", r"`int` <= 4294967295 - at `\$.seed`"),
        ("stop_after=3", "select is last; give `watch`"),
    ],
)
def test_numbers_that_no_run_can_have_are_named(change: str, says: str) -> None:
    with pytest.raises(SourceError, match=says):
        read_recipe(RECIPES[0].parent / "stressvision.toml", [change])


def test_a_loss_that_falls_is_better() -> None:
    records = [{"validation_loss": loss, "accuracy": 0.5} for loss in (0.9, 0.4, 0.6)]
    assert read_recipe(RECIPES[0].parent / "custom-light.toml").watched(records) == [-0.9, -0.4, -0.6]
    assert read_recipe(RECIPES[0].parent / "custom-light.toml", ["watch="]).watched(records) == [0.5] * 3


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.toml"):
        read_recipe(tmp_path / "gone.toml")
