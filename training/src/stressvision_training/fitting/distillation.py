"""Learn from teachers: what they say about every training face, kept in one file, and then part of the loss."""

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_training.architectures.network import answers_of, heads_of, load_network, side_of, softmax
from stressvision_training.classes import HeadClasses
from stressvision_training.data.dataset import Dataset, file_digest, read_dataset
from stressvision_training.data.rows import SIDE, SourceError
from stressvision_training.fitting.recipe import Distillation
from stressvision_training.fitting.targets import Loss
from stressvision_training.one_step import in_one_step

Arrays = dict[str, NDArray[np.float32]]

TAUGHT: Final = "taught."
"""What a batch calls the teachers' probabilities for a head, beside the head's targets."""


class Lessons(msgspec.Struct, frozen=True, kw_only=True):
    """What teachers say of a training split: n x classes logits for each head, and the `ids` of the n rows, rising."""

    logits: dict[HeadClasses, NDArray[np.float32]]
    ids: NDArray[np.int64]
    data: dict[str, str]
    teachers: list[dict[str, str]]

    def of(self, ids: NDArray[np.int64], how: Distillation) -> Arrays:
        """Return the teachers' softened probabilities for the rows `ids`, under the names that batches carry."""
        places = np.searchsorted(self.ids, ids)
        return softened({head: logits[places] for head, logits in self.logits.items()}, how)


def softened(logits: Mapping[HeadClasses, NDArray[np.float32]], how: Distillation) -> Arrays:
    """Return the probabilities that n x classes logits are at the temperature, under the names that batches carry."""
    return {f"{TAUGHT}{head}": softmax(said / how.temperature) for head, said in logits.items()}


def teach(models: Sequence[Path], data: Path, out: Path, tick: Callable[[float], None] = lambda _: None) -> Lessons:
    """Ask every model about every training face, as it is and mirrored, and write the mean logits to `out` (.npz).

    `tick` is told the share that is done. `SourceError` when the models share no head.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    dataset = read_dataset(data)
    part = dataset.part("train")
    teachers = digests_of(models)
    check_apart(teachers)
    networks = [load_network(model) for model in models]
    shared = [head for head in heads_of(networks[0]) if all(head in heads_of(other) for other in networks)]
    if not shared:
        raise SourceError(f"{', '.join(map(str, models))}: share no head, so nothing can be averaged")
    sums: dict[HeadClasses, NDArray[np.float32]] = {}
    done = 0
    for network in networks:
        faces = part.faces(side_of(network) or SIDE)
        for view in (faces, np.ascontiguousarray(faces[:, :, ::-1])):
            said = answers_of(network, view)
            for head in shared:
                sums[head] = sums[head] + said[head] if head in sums else said[head]
            done += 1
            tick(done / (2 * len(networks)))
    means = {head: np.asarray(total / (2 * len(networks)), np.float32) for head, total in sums.items()}
    facts = json.dumps({"data": dataset.digests, "teachers": teachers})
    with in_one_step(out) as partial:
        np.savez(partial, facts=facts, ids=part.ids, **{str(head): means[head] for head in means})
    return Lessons(logits=means, ids=part.ids, data=dataset.digests, teachers=teachers)


def check_apart(teachers: Sequence[Mapping[str, str]]) -> None:
    """Raise `SourceError` when two of those whom `digests_of` tells of are one: it would have two voices."""
    seen: dict[str, str] = {}
    for teacher in teachers:
        name, digest = teacher["file"], teacher["sha256"]
        if digest in seen:
            raise SourceError(f"{name}: is the same network as {seen[digest]}; name each teacher once")
        seen[digest] = name


def digests_of(models: Sequence[Path]) -> list[dict[str, str]]:
    """Return what is kept of those who taught: name and digest of each file."""
    return [{"file": model.name, "sha256": file_digest(model)} for model in models]


def read_lessons(path: Path, dataset: Dataset) -> Lessons:
    """Read what `teach` wrote; `SourceError` when it is something else, or about other data."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts, ids = json.loads(str(arrays.pop("facts"))), arrays.pop("ids")
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: not a file of `stressvision-train teach`: {error}") from error
    sound = isinstance(facts, dict) and {"data", "teachers"} <= facts.keys() and ids.shape == (len(ids),)
    if not sound or any(len(said) != len(ids) for said in arrays.values()):
        raise SourceError(f"{path}: not a file of `stressvision-train teach`: its parts do not fit each other")
    if facts["data"] != dataset.digests:
        raise SourceError(f"{path}: the teachers were asked about other data; run `stressvision-train teach` again")
    return Lessons(logits=arrays, ids=ids, data=facts["data"], teachers=facts["teachers"])


def with_lessons(targets: Mapping[str, NDArray[np.float32]]) -> Arrays:
    """Return a batch's targets, each head's with its teachers' probabilities behind it (n x twice the classes)."""
    return {
        name: np.concatenate([values, targets[f"{TAUGHT}{name}"]], axis=1) if f"{TAUGHT}{name}" in targets else values
        for name, values in targets.items()
        if not name.startswith(TAUGHT)
    }


def distilled(loss: Loss, how: Distillation) -> Loss:
    """Return a loss on the targets of `with_lessons`: `loss` and the cross-entropy to the softened teachers.

    The square of the temperature keeps the gradients of both of one size (Hinton et al. 2015, section 2.1).
    """

    def both(targets: Any, logits: Any) -> Any:
        from keras import ops

        own, taught = ops.split(targets, 2, axis=-1)
        softened = ops.log_softmax(ops.cast(logits, "float32") / how.temperature, axis=-1)
        learnt = -ops.sum(taught * softened, axis=-1) * how.temperature**2
        return (1 - how.share) * loss(own, logits) + how.share * learnt

    return both
