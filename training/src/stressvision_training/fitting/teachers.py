"""Teachers that see what the student sees: asked about each face as it was varied, and mixed with another.

What they said beforehand of a picture as it is (`distillation.teach`) belongs to another picture than the varied one;
asked again for each, they give one function to match, from views that never come to an end (Beyer et al. 2022).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.architectures.network import heads_of, load_network, side_of
from stressvision_training.classes import HEAD_CLASSES, HeadClasses
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.backend import policy_of
from stressvision_training.fitting.distillation import Arrays, softened
from stressvision_training.fitting.recipe import Distillation, Recipe


class Teachers:
    """Networks whose mean logits are what a batch's faces are taught with."""

    def __init__(self, files: Sequence[Path], recipe: Recipe, how: Distillation) -> None:
        """Load them. `SourceError` for one without a head of the recipe, or that takes another side."""
        self._how = how
        self._heads: list[HeadClasses] = [head.classes for head in recipe.heads]
        self._networks = [_loaded(file, self._heads, recipe) for file in files]

    def say(self, faces: NDArray[np.float32]) -> Arrays:
        """Return their softened probabilities for n x side x side x 1 faces, under the names that batches carry."""
        said = [network.predict_on_batch(faces) for network in self._networks]
        return softened({head: _mean([each[head] for each in said]) for head in self._heads}, self._how)


def _loaded(file: Path, heads: Sequence[HeadClasses], recipe: Recipe) -> Any:
    """Return the network in `file`, computing as the recipe says but for its heads, as the student does."""
    import keras

    network = load_network(file)
    missing = sorted(set(heads) - set(heads_of(network)))
    if missing:
        raise SourceError(f"{file}: has no head for {', '.join(missing)}; give a teacher with the recipe's heads")
    sides = {recipe.side(epoch) for epoch in range(recipe.epochs)}
    side = side_of(network)
    if side is not None and sides != {side}:
        raise SourceError(f"{file}: takes faces of {side} pixels, the recipe has {sorted(sides)}; ask it with `teach`")

    policy = policy_of(recipe.precision)

    def computing(layer: Any) -> Any:
        numbers = "float32" if layer.name in HEAD_CLASSES else policy
        return layer.__class__.from_config(layer.get_config() | {"dtype": numbers})

    asked = keras.models.clone_model(network, clone_function=computing)
    asked.set_weights(network.get_weights())
    return asked


def _mean(logits: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean([np.asarray(each, np.float32) for each in logits], axis=0), np.float32)
