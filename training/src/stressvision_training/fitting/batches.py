"""Feed a fit: a seeded order and seeded variations, so that a resumed run sees what an unbroken one would."""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from stressvision_training.classes import HeadClasses
from stressvision_training.data.augmentation import augment, mixup
from stressvision_training.data.balance import resampled_rows
from stressvision_training.fitting.recipe import Recipe

Batch = tuple[NDArray[np.float32], dict[str, NDArray[np.float32]]]


class Batches:
    """The batches of any epoch: faces as float grey levels (batch x side x side x 1) and their targets."""

    def __init__(
        self,
        images: NDArray[np.uint8],
        targets: Mapping[HeadClasses, NDArray[np.float32]],
        repeats: NDArray[np.int64],
        recipe: Recipe,
        *,
        face: Callable[[int, int], NDArray[np.uint8]] | None = None,
        labels: NDArray[np.str_] | None = None,
        extras: Mapping[str, NDArray[np.float32]] | None = None,
    ) -> None:
        """`repeats` says how often an epoch shows each image.

        `face(row, side)` gives a better picture for a network of `side` pixels (`Dataset.face`), `labels` are evened
        out when the recipe's balance is `resample`, and `extras` (n x any) come among the targets, row by row.
        """
        self._face = face or (lambda row, _side: images[row])
        self._targets, self._extras, self._recipe = targets, extras or {}, recipe
        self.waited_s = 0.0
        """Seconds for which whoever took the batches of the last epoch had to wait for them."""
        self._rows = np.repeat(np.arange(len(images)), repeats)
        self._labels = labels[self._rows] if labels is not None and recipe.rows.balance == "resample" else None

    def __len__(self) -> int:
        return max(len(self._rows) // self._recipe.batch, 1)

    def epoch(self, number: int) -> Iterator[Batch]:
        """Yield the batches of epoch `number`, each made while the one before it is trained on."""
        order = self.order(number)
        self.waited_s = 0.0
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="augment") as pool:
            ahead = pool.submit(self._make, order, number, 0)
            for index in range(len(self)):
                asked = time.monotonic()
                ready = ahead.result()
                self.waited_s += time.monotonic() - asked
                if index + 1 < len(self):
                    ahead = pool.submit(self._make, order, number, index + 1)
                yield ready

    def order(self, number: int) -> NDArray[np.int64]:
        """Return the rows of epoch `number` in the order of its batches."""
        rng = np.random.default_rng((self._recipe.seed, number))
        if self._labels is None:
            return rng.permutation(self._rows)
        return self._rows[resampled_rows(self._labels, rng)]

    def _make(self, order: NDArray[np.int64], epoch: int, index: int) -> Batch:
        rng = np.random.default_rng((self._recipe.seed, epoch, index))
        rows = order[index * self._recipe.batch : (index + 1) * self._recipe.batch]
        side, how = self._recipe.side(epoch), self._recipe.augmentation
        faces = np.empty((len(rows), side, side, 1), np.float32)
        for place, row in enumerate(rows.tolist()):
            faces[place, :, :, 0] = augment(self._face(row, side), side, how, rng)
        targets = {str(name): values[rows] for name, values in self._targets.items()}
        extras = {name: values[rows] for name, values in self._extras.items()}
        if how.mixup:
            faces, targets, extras = mixup(faces, targets, rng, how.mixup, extras)
        return faces, targets | extras
