"""Train a network by a recipe: per-epoch checkpoints, a judged moving average, and a record of what made it."""

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from stressvision_training.architectures import build
from stressvision_training.architectures.network import load_network
from stressvision_training.architectures.pretrained import load_pretrained, pretrained_file
from stressvision_training.architectures.pruning import prune
from stressvision_training.data.balance import class_weights, classes_of, row_weights
from stressvision_training.data.dataset import Dataset, read_dataset
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting import checkpoint
from stressvision_training.fitting.backend import limit_threads, policy_of
from stressvision_training.fitting.batches import Batches
from stressvision_training.fitting.board import Board
from stressvision_training.fitting.distillation import (
    Lessons,
    check_apart,
    digests_of,
    distilled,
    read_lessons,
    with_lessons,
)
from stressvision_training.fitting.judging import judged, judged_schemes
from stressvision_training.fitting.optimisation import Average, optimiser_of, plateau_rate
from stressvision_training.fitting.recipe import Distillation, Head, Recipe, read_recipe
from stressvision_training.fitting.run_folder import (
    BEST,
    BOARD,
    LAST,
    Beginning,
    alone,
    begin,
    finish,
    save_network,
    write_history,
    write_model_config,
)
from stressvision_training.fitting.targets import Loss, adjusted, check_votes, class_shares, head_loss, targets_of
from stressvision_training.fitting.teachers import Teachers
from stressvision_training.fitting.tuning import Leg, legs_of, thaw

WEIGHT: Final = "weight"
"""What a batch calls the weights of its rows, beside the heads' targets."""

Report = Callable[[dict[str, Any]], None]


def fit(
    recipe_path: Path,
    data: Path,
    out: Path,
    report: Report = lambda _: None,
    init: Path | None = None,
    changes: Sequence[str] = (),
    lessons: Path | None = None,
    teachers: Sequence[Path] = (),
) -> dict[str, Any]:
    """Train, or go on training, the run in `out`; return the record of its best epoch.

    `changes` are `key=value` for the recipe; `init` is a .keras network of the same architecture whose weights a new
    run begins with, or a larger one to be cut down (`architectures.pruning`); `lessons` is what teachers said
    beforehand (`distillation.teach`), or `teachers` are .keras networks that are asked about each face as it is
    varied. `report` gets a record per epoch and, in between, `{"epoch", "share"}` as an epoch advances, and first
    `{"says"}`, how the run begins or goes on.
    `SourceError` when `out` holds a run of another recipe, data or teachers, or another fit is at work in it.
    """
    recipe, dataset = read_recipe(recipe_path, changes), read_dataset(data)
    beginning = _beginning(recipe, dataset, init, lessons, teachers)
    limit_threads(recipe.threads)  # before anything asks the backend: once it has begun it keeps the threads it has
    with alone(out):
        report({"says": begin(out, recipe_path, recipe, data, dataset, beginning, changes)})
        return _train(recipe, _Course(recipe, dataset, beginning), out, report)


def _train(recipe: Recipe, course: "_Course", out: Path, report: Report) -> dict[str, Any]:
    write_model_config(out, recipe, course.judge)
    state = course.resume(out / LAST)
    if state["epochs"]:
        write_history(out, state["epochs"])  # a kill may have come between it and the checkpoint
    board = Board(out / BOARD)
    for epoch in range(len(state["epochs"]), recipe.epochs):
        if _is_stopped(recipe, state):
            break
        record = course.epoch(epoch, state["epochs"], report)
        if state["best"] is None or recipe.select == "last" or record[recipe.select] >= state["best"][recipe.select]:
            state["best"] = record
            save_network(course.judge, out / BEST)
        state["epochs"].append(record)
        checkpoint.save(out / LAST, course.model, course.moving.weights, state)
        write_history(out, state["epochs"])
        board.add(record)
        report(record)
    finish(out, state["epochs"])
    best: dict[str, Any] = state["best"]
    return best


class _Course:
    """A network on its way through the epochs of a recipe; `judge` holds its averaged weights in float32."""

    def __init__(self, recipe: Recipe, dataset: Dataset, beginning: Beginning) -> None:
        self._recipe, self._validation = recipe, dataset.part("validation")
        self._schemes = judged_schemes(recipe, self._validation)
        train = _limited(dataset.part("train"), recipe)
        for head in recipe.heads:
            check_votes(train, head)
        self._batches = _batches(train, recipe, beginning.lessons)
        how = recipe.distillation if beginning.lessons or beginning.teachers else None
        self._losses = {head.classes: _loss(head, train, how) for head in recipe.heads}
        self._teachers = Teachers(beginning.teachers, recipe, how) if how and beginning.teachers else None
        pretrained = beginning.init is not None or beginning.weights is not None
        self._legs = legs_of(recipe, pretrained=pretrained)
        self.model = _network(recipe)
        self._begin_leg(self._legs[0])
        if beginning.init is not None:
            _begin_with(self.model, beginning.init)
        elif beginning.weights is not None:
            load_pretrained(self.model, beginning.weights)
        self.moving = Average(self.model.get_weights(), recipe.optimiser.average)
        self.judge = build(recipe.architecture, [head.classes for head in recipe.heads], fixed=True)

    def resume(self, path: Path) -> dict[str, Any]:
        """Go on from the checkpoint at `path`, if there is one; return the state of the run."""
        done = checkpoint.epochs_done(path)
        leg = self._leg_of(max(done - 1, 0))
        if leg is not self._leg:
            self._begin_leg(leg)
        if not done:
            return {"best": None, "epochs": []}
        average, state = checkpoint.load(path, self.model)
        self.moving = Average(average, self._recipe.optimiser.average)
        return state

    def epoch(self, number: int, before: Sequence[dict[str, Any]], report: Report) -> dict[str, Any]:
        """Train epoch `number`, counted from 0; return its record. `before` are the records of those before it."""
        from keras import ops

        began = time.monotonic()
        recipe, leg = self._recipe, self._leg_of(number)
        if leg is not self._leg:
            self._begin_leg(leg)
        if number and recipe.side(number) != recipe.side(number - 1):
            # a step that was traced for several sizes rounds otherwise than one that a resumed run traces for one
            self.model.make_train_function(force=True)
        if leg.optimiser.plateau is not None:
            figures = recipe.watched(before[leg.first :])
            rate = plateau_rate(leg.optimiser.rate, leg.optimiser.plateau, figures)
            self.model.optimizer.learning_rate.assign(rate)
        _seed_dropout(self.model, recipe.seed, number)
        loss = self._train(number, report)
        self.judge.set_weights(self.moving.weights)
        record = {"epoch": number + 1, "epochs": recipe.epochs, "side": recipe.side(number), "loss": loss}
        record |= {"rate": float(ops.convert_to_numpy(self.model.optimizer.learning_rate))}
        record |= judged(self.judge, self._validation, recipe.architecture.input_size, self._schemes)
        record["seconds"] = time.monotonic() - began
        record["waiting_share"] = self._batches.waited_s / record["seconds"]
        record["eta_seconds"] = _remaining(recipe, number, record["seconds"])
        return record

    def _train(self, number: int, report: Report) -> float:
        losses = []
        steps = len(self._batches)
        for step, (faces, targets) in enumerate(self._batches.epoch(number)):
            weight = targets.pop(WEIGHT, None)
            taught = self._teachers.say(faces) if self._teachers else {}
            asked = with_lessons(targets | taught)
            weights = None if weight is None else dict.fromkeys(asked, weight)
            losses.append(float(np.ravel(self.model.train_on_batch(faces, asked, sample_weight=weights))[0]))
            if not math.isfinite(losses[-1]):
                raise FloatingPointError(
                    f"loss is {losses[-1]} in epoch {number + 1}, step {step + 1}; lower optimiser.rate"
                )
            self.moving.follow(self.model, number * steps + step)
            if step % 10 == 0:
                report({"epoch": number + 1, "share": (step + 1) / steps})
        return float(np.mean(losses[-100:]))

    def _leg_of(self, epoch: int) -> Leg:
        return next((leg for leg in self._legs if epoch < leg.until), self._legs[-1])

    def _begin_leg(self, leg: Leg) -> None:
        import keras

        self._leg = leg
        thaw(self.model, leg.backbone)
        optimiser = optimiser_of(leg.optimiser, leg.until - leg.first, len(self._batches))
        optimiser.build(self.model.trainable_variables)
        self.model.compile(
            optimizer=optimiser,
            loss=self._losses,
            loss_weights={head.classes: head.weight for head in self._recipe.heads},
            jit_compile="auto" if keras.backend.backend() == "jax" else False,
        )


def _beginning(
    recipe: Recipe, dataset: Dataset, init: Path | None, lessons: Path | None, teachers: Sequence[Path]
) -> Beginning:
    if lessons is not None and teachers:
        raise SourceError(f"{lessons}: teachers are asked beforehand or about each face; give --lessons or --teacher")
    if (lessons is not None or teachers) and recipe.distillation is None:
        given = lessons or teachers[0]
        raise SourceError(f"{given}: the recipe has no [distillation]; add one, or leave the teachers out")
    read = None if lessons is None else read_lessons(lessons, dataset)
    missing = [head.classes for head in recipe.heads if read is not None and head.classes not in read.logits]
    if missing:
        raise SourceError(f"{lessons}: the teachers say nothing about {', '.join(missing)}; ask others, with that head")
    weights = None if init is not None else pretrained_file(recipe.architecture)
    taught_by = read.teachers if read else digests_of(teachers)
    check_apart(taught_by)
    return Beginning(init=init, weights=weights, lessons=read, teachers=tuple(teachers), taught_by=taught_by)


def _is_stopped(recipe: Recipe, state: dict[str, Any]) -> bool:
    figures = recipe.watched(state["epochs"]) if recipe.stop_after else []
    return bool(figures) and len(figures) - 1 - int(np.argmax(figures)) >= (recipe.stop_after or 0)


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """What a layer drops in an epoch must not depend on whether the run was interrupted before it."""
    for number, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.random.default_rng((seed, epoch, number)).integers(0, 2**31, 2, np.uint32))


def _limited(train: Dataset, recipe: Recipe) -> Dataset:
    limit = recipe.rows.limit
    if limit is None or limit >= len(train):
        return train
    rows = np.random.default_rng(recipe.seed).permutation(len(train))[:limit]
    return train.take(np.sort(rows))


def _batches(train: Dataset, recipe: Recipe, lessons: Lessons | None) -> Batches:
    custom = np.char.startswith(train.sources, "custom")
    repeats = np.where(custom, recipe.rows.custom_repeat, 1)
    targets = {head.classes: targets_of(train, head) for head in recipe.heads}
    fine = any(head.classes == "fer7" for head in recipe.heads)
    labels = train.labels if fine else classes_of(train)
    extras = lessons.of(train.ids, recipe.distillation) if lessons and recipe.distillation else {}
    if recipe.rows.balance == "weights":
        extras[WEIGHT] = row_weights(labels, class_weights(np.repeat(labels, repeats)))
    return Batches(train.images, targets, repeats, recipe, face=train.face, labels=labels, extras=extras)


def _loss(head: Head, train: Dataset, how: Distillation | None) -> Loss:
    loss: Loss = head_loss
    if head.adjustment:
        loss = adjusted(loss, class_shares(targets_of(train, head)), head.adjustment)
    return distilled(loss, how) if how else loss


def _network(recipe: Recipe) -> Any:
    import keras

    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_dtype_policy(policy_of(recipe.precision))
    model = build(recipe.architecture, [head.classes for head in recipe.heads])
    keras.mixed_precision.set_dtype_policy("float32")
    return model


def _begin_with(model: Any, init: Path) -> None:
    network = load_network(init)
    try:
        if [weights.shape for weights in network.weights] == [weights.shape for weights in model.weights]:
            model.set_weights(network.get_weights())
        else:
            prune(network, model)
    except ValueError as error:
        raise SourceError(f"{init}: its layers are not those of the recipe, nor more of them: {error}") from error


def _remaining(recipe: Recipe, epoch: int, seconds: float) -> float:
    per_pixel = seconds / recipe.side(epoch) ** 2
    return sum(per_pixel * recipe.side(later) ** 2 for later in range(epoch + 1, recipe.epochs))
