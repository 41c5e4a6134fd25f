"""Which layers of a pretrained network learn, and when: frozen ones keep what they know."""

from typing import Any, Final

import msgspec

from stressvision_training.architectures.backbone import backbone_of
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.recipe import Optimiser, Recipe

ALL: Final = "all"


class Leg(msgspec.Struct, frozen=True, kw_only=True):
    """Epochs `first` to before `until` with one set of learning layers and one schedule; `backbone` as in `Tuning`."""

    first: int
    until: int
    backbone: int | str
    optimiser: Optimiser


def legs_of(recipe: Recipe, *, pretrained: bool) -> list[Leg]:
    """Return the legs of a run; one in which all is trained when there is nothing pretrained to spare."""
    if not (recipe.tuning and pretrained):
        return [Leg(first=0, until=recipe.epochs, backbone=ALL, optimiser=recipe.optimiser)]
    legs: list[Leg] = []
    for part in recipe.tuning:
        first, until = legs[-1].until if legs else 0, min(part.until, recipe.epochs)
        how = msgspec.structs.replace(recipe.optimiser, rate=part.rate or recipe.optimiser.rate)
        if first < until:
            legs.append(Leg(first=first, until=until, backbone=part.backbone, optimiser=how))
    return legs


def thaw(network: Any, backbone: int | str) -> None:
    """Let the last `backbone` layers of a network's backbone learn, or those named so, and freeze its others."""
    part = backbone_of(network)
    if part is None:
        return
    part.trainable = True
    for left, layer in zip(range(len(part.layers) - 1, -1, -1), part.layers, strict=True):
        if isinstance(backbone, int):
            layer.trainable = left < backbone
        else:
            layer.trainable = backbone == ALL or backbone in layer.name
    if isinstance(backbone, str) and not any(layer.trainable for layer in part.layers):
        raise SourceError(f"tuning.backbone = {backbone!r}: no layer of the backbone is named so")
