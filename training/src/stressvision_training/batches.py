"""Feed a fit: a seeded order and seeded variations, so that a resumed run sees what an unbroken one would."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from stressvision_training.augmentation import augment
from stressvision_training.classes import HeadClasses
from stressvision_training.recipe import Recipe

Targets = dict[HeadClasses, NDArray[np.float32]]
Batch = tuple[NDArray[np.float32], Targets]


class Batches:
    """The batches of any epoch: faces as float grey levels (batch x side x side x 1) and their targets."""

    def __init__(self, images: NDArray[np.uint8], targets: Targets, repeats: NDArray[np.int64], recipe: Recipe) -> None:
        """`repeats` says how often an epoch shows each image."""
        self._images, self._targets, self._recipe = images, targets, recipe
        self._rows = np.repeat(np.arange(len(images)), repeats)

    def __len__(self) -> int:
        return max(len(self._rows) // self._recipe.batch, 1)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of epoch `number`, each made while the one before it is trained on."""
        order = np.random.default_rng((self._recipe.seed, number)).permutation(self._rows)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="augment") as pool:
            ahead = pool.submit(self._make, order, number, 0)
            for index in range(len(self)):
                ready = ahead.result()
                if index + 1 < len(self):
                    ahead = pool.submit(self._make, order, number, index + 1)
                yield ready

    def _make(self, order: NDArray[np.int64], epoch: int, index: int) -> Batch:
        rng = np.random.default_rng((self._recipe.seed, epoch, index))
        rows = order[index * self._recipe.batch : (index + 1) * self._recipe.batch]
        side = self._recipe.side(epoch)
        faces = np.stack([augment(self._images[row], side, self._recipe.augmentation, rng) for row in rows])
        return faces[..., None].astype(np.float32), {head: targets[rows] for head, targets in self._targets.items()}
