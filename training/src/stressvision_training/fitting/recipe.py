"""A recipe: every number of a training run, in one TOML file that is stored with the run."""

import math
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from stressvision_training.architectures import Architecture, WithBackbone
from stressvision_training.bounds import Positive, Seed, Share, Side
from stressvision_training.classes import HeadClasses
from stressvision_training.data.augmentation import Augmentation
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.overrides import changed, toml_text

Positives = Annotated[float, Meta(gt=0.0)]


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the network is asked: to tell `classes` apart as a source of labels does.

    `fer2013`: one person's label. `majority`: what more than half of FER+'s voters saw. `votes`: the distribution of
    their votes. `mixture`: `votes` of that and the rest of the first. Company pictures keep their own labels.
    """

    classes: HeadClasses
    labels: Literal["fer2013", "majority", "votes", "mixture"]
    votes: Share = 0.5
    smoothing: Share = 0.0
    weight: Positives = 1.0
    """Weight of this head's loss beside the others'."""
    adjustment: Annotated[float, Meta(ge=0.0)] = 0.0
    """How far training logits are shifted by the log of each class's share: 1 is for the balanced error, 0 none."""


class Phase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to (not including) epoch `until`, pictures are fed at `side` x `side` pixels: small ones are cheaper."""

    until: Positive
    side: Side


class Tuning(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to (not including) epoch `until`, train the layers after a pretrained backbone, and these of it, at `rate`.

    `backbone` is how many of its last layers learn, or a part of their names (`block5`), or `all`. Without pretrained
    weights there is nothing to spare: `tuning` is left out and all is trained at the optimiser's rate.
    """

    until: Positive
    backbone: Annotated[int, Meta(ge=0)] | str = 0
    rate: Positives | None = None
    """The optimiser's, if not given; its schedule begins anew."""


class Plateau(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Multiply the rate by `factor` when what is watched was no better for `patience` epochs, not below `least`."""

    factor: Annotated[float, Meta(gt=0.0, lt=1.0)]
    patience: Positive
    least: float = 0.0


class Optimiser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Adam, or SGD with Nesterov's momentum; a linear warm-up, then cosine to zero unless a `plateau` decides.

    `decay` is decoupled from the gradient and spares biases and normalisation.
    """

    kind: Literal["sgd", "adam"] = "sgd"
    rate: Positives
    momentum: Share = 0.9
    decay: Annotated[float, Meta(ge=0.0)] = 0.0
    warmup_epochs: Annotated[float, Meta(ge=0.0)] = 0.0
    plateau: Plateau | None = None
    average: Share = 0.0
    """Decay per step of the moving average of the weights, which is then what is judged and exported; 0 is none."""


class Rows(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often an epoch shows each row, and what a label's loss weighs.

    `balance`: `weights` weighs each label's loss by the inverse of its share, `resample` draws each label as often.
    `custom_repeat` is how often an epoch shows each of the company's pictures.
    """

    balance: Literal["none", "weights", "resample"] = "none"
    custom_repeat: Positive = 1
    limit: Positive | None = None
    """Train on so many rows at most, drawn once by the seed: a look at a recipe, not a result."""


class Distillation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Learn from teachers too: `share` of the loss, softened by `temperature`.

    A run that is not given what they say (`teach`) learns from the labels alone.
    """

    share: Share = 0.5
    temperature: Positives = 2.0


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run, apart from the data.

    `select` is the validation figure by which the best epoch is kept, by the labels that the scheme is meant to follow
    (`truth.truth_for`), and the mean of two for two heads; `last` keeps the last one, for schedules that end at rate 0.
    `watch` is the figure by which a plateau lowers the rate and `stop_after` ends the run: if not given, `select`'s.
    """

    seed: Seed
    epochs: Positive
    batch: Positive
    threads: Positive = 2
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16", "auto"] = "float32"
    """`auto`: what is fastest where it runs (`backend.policy_of`)."""
    select: Literal["accuracy", "macro_f1", "last"] = "macro_f1"
    watch: Literal["validation_loss", "accuracy", "macro_f1"] | None = None
    stop_after: Positive | None = None
    """Epochs after which the run ends if what is watched was no better in any."""
    architecture: Architecture
    heads: Annotated[list[Head], Meta(min_length=1, max_length=2)]
    phases: list[Phase] = []
    tuning: list[Tuning] = []
    optimiser: Optimiser
    rows: Rows = Rows()
    augmentation: Augmentation = Augmentation()
    distillation: Distillation | None = None

    def side(self, epoch: int) -> int:
        """Return the picture side of `epoch`, counted from 0."""
        return next((phase.side for phase in self.phases if epoch < phase.until), self.architecture.input_size)

    def watched(self, records: Sequence[dict[str, Any]]) -> list[float]:
        """Return what is watched of each epoch's record, turned so that more is better."""
        name = self.watch or self.select
        return [-record[name] if name == "validation_loss" else record[name] for record in records]


def read_recipe(path: Path, changes: Sequence[str] = ()) -> Recipe:
    """Read a recipe with `changes` (`key=value`); `SourceError` names the key that is missing, unknown or wrong."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        recipe = msgspec.convert(table, Recipe)
        if changes:
            recipe = msgspec.convert(changed(msgspec.to_builtins(recipe), changes), Recipe)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from error
    for key, number in _numbers(msgspec.to_builtins(recipe), ""):
        if not math.isfinite(number):
            raise SourceError(f"{path}: {key} is {number}; give a finite number")
    _check(recipe, path)
    return recipe


def _numbers(value: Any, path: str) -> Iterator[tuple[str, float]]:
    """Yield every float in a recipe's table, with its path."""
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, dict | list | tuple):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, member in members:
            yield from _numbers(member, f"{path}.{name}" if path else str(name))


def recipe_text(recipe: Recipe) -> str:
    """Return a recipe as TOML, with every default spelt out."""
    return toml_text(msgspec.to_builtins(recipe))


def _check(recipe: Recipe, path: Path) -> None:
    names = [head.classes for head in recipe.heads]
    if len(set(names)) < len(names):
        raise SourceError(f"{path}: two heads tell {names[0]} apart; each kind may occur once")
    if recipe.phases and not recipe.architecture.any_size:
        raise SourceError(f"{path}: `phases` change the picture's side, which this architecture cannot take")
    sides = [phase.until for phase in recipe.phases]
    if sorted(set(sides)) != sides:
        raise SourceError(f"{path}: phases end at epochs {sides}; they must rise")
    last = recipe.phases[-1] if recipe.phases else None
    if last and last.until >= recipe.epochs and last.side != recipe.architecture.input_size:
        given, taken = last.side, recipe.architecture.input_size
        raise SourceError(f"{path}: phases end at {given} pixels, judged is at {taken}; --set phases= leaves them out")
    is_watched = recipe.stop_after is not None or recipe.optimiser.plateau is not None
    if recipe.select == "last" and recipe.watch is None and is_watched:
        raise SourceError(f"{path}: stop_after and plateau need a figure to watch, select is last; give `watch`")
    if recipe.tuning and not isinstance(recipe.architecture, WithBackbone):
        raise SourceError(f"{path}: `tuning` names layers of a backbone, which this architecture has not")
    ends = [part.until for part in recipe.tuning]
    if ends and (sorted(set(ends)) != ends or ends[-1] < recipe.epochs):
        raise SourceError(f"{path}: tuning ends at epochs {ends}; they must rise, the last to {recipe.epochs} or more")
