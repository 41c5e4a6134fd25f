"""Teachers that see what the student sees: asked about each face as it was varied, and mixed with another.

What they said beforehand of a picture as it is (`distillation.teach`) belongs to another picture than the varied one;
asked again for each, they give one function to match, from views that never come to an end (Beyer et al. 2022).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.architectures.network import heads_of, load_network, side_of, softmax
from stressvision_training.classes import HeadClasses
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.distillation import TAUGHT, Arrays
from stressvision_training.fitting.recipe import Distillation, Recipe


class Teachers:
    """Networks whose mean logits are what a batch's faces are taught with."""

    def __init__(self, files: Sequence[Path], recipe: Recipe, how: Distillation, policy: str) -> None:
        """Load them to compute by `policy`. `SourceError` for one without a head of the recipe, or for another side."""
        self._how = how
        self._heads: list[HeadClasses] = [head.classes for head in recipe.heads]
        self._networks = [_loaded(file, self._heads, recipe, policy) for file in files]

    def say(self, faces: NDArray[np.float32]) -> Arrays:
        """Return their softened probabilities for n x side x side x 1 faces, under the names that batches carry."""
        said = [network.predict_on_batch(faces) for network in self._networks]
        means = {head: _mean([each[head] for each in said]) for head in self._heads}
        return {f"{TAUGHT}{head}": softmax(mean / self._how.temperature) for head, mean in means.items()}


def _loaded(file: Path, heads: Sequence[HeadClasses], recipe: Recipe, policy: str) -> Any:
    import keras

    network = load_network(file)
    missing = sorted(set(heads) - set(heads_of(network)))
    if missing:
        raise SourceError(f"{file}: has no head for {', '.join(missing)}; give a teacher with the recipe's heads")
    sides = {recipe.side(epoch) for epoch in range(recipe.epochs)}
    side = side_of(network)
    if side is not None and sides != {side}:
        raise SourceError(f"{file}: takes faces of {side} pixels, the recipe has {sorted(sides)}; ask it with `teach`")

    def computing(layer: Any) -> Any:
        return layer.__class__.from_config(layer.get_config() | {"dtype": policy})

    asked = keras.models.clone_model(network, clone_function=computing)
    asked.set_weights(network.get_weights())
    return asked


def _mean(logits: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.asarray(np.mean([np.asarray(each, np.float32) for each in logits], axis=0), np.float32)
