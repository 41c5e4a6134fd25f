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


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"gone\.toml"):
        read_recipe(tmp_path / "gone.toml")
