"""A recipe: every number of a training run, in one TOML file that is stored with the run."""

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from stressvision_training.rows import SourceError

Share = Annotated[float, Meta(ge=0.0, le=1.0)]
Positive = Annotated[int, Meta(ge=1)]


class Architecture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A plain residual net: `stem` filters, then stages of `widths` filters and `blocks` blocks, each halving size."""

    stem: Positive
    widths: list[Positive]
    blocks: list[Positive]
    dropout: Share


class Phase(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Up to (not including) epoch `until`, pictures are fed at `side` x `side` pixels: small ones are cheaper."""

    until: Positive
    side: Annotated[int, Meta(ge=16, le=512)]


class Optimiser(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nesterov SGD: linear warm-up to `rate`, then cosine to zero; `decay` is kept out of the momentum.

    With momentum 0.9, ten times the customary L2 figure does the same.
    """

    rate: float
    momentum: Share
    decay: float
    warmup_epochs: float
    average: Share
    """Decay per step of the moving average of the weights, which is what is judged and exported."""


class Targets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How labels become targets: `votes` is the share of FER+'s votes, the rest is FER-2013's own label."""

    votes: Share
    custom_repeat: Positive
    """How often an epoch shows each of the company's pictures."""


class Augmentation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ranges are symmetric about no change; shares are probabilities per picture."""

    rotate_degrees: float
    scale: tuple[float, float]
    shift: Share
    aspect: float
    contrast: float
    brightness: float
    erase: Share
    webcam: Share
    """Share of pictures degraded as a cheap camera would: blur, low resolution, dimness, noise, JPEG."""


class Recipe(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that decides a run, apart from the data."""

    seed: int
    epochs: Positive
    batch: Positive
    threads: Positive
    precision: str
    architecture: Architecture
    phases: list[Phase]
    optimiser: Optimiser
    targets: Targets
    augmentation: Augmentation

    def side(self, epoch: int) -> int:
        """Return the picture side of `epoch`, counted from 0."""
        return next((phase.side for phase in self.phases if epoch < phase.until), self.phases[-1].side)


def read_recipe(path: Path) -> Recipe:
    """Read a recipe; `SourceError` names the key that is missing, unknown or out of range."""
    try:
        recipe = msgspec.toml.decode(path.read_bytes(), type=Recipe)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise SourceError(f"{path}: {error}") from error
    if len(recipe.architecture.widths) != len(recipe.architecture.blocks) or not recipe.phases:
        raise SourceError(f"{path}: `widths` and `blocks` need one number per stage, and `phases` at least one entry")
    return recipe
