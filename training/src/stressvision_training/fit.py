"""Train a network by a recipe: per-epoch checkpoints, a judged moving average, and a record of what made it."""

import importlib.metadata
import json
import math
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from stressvision_contracts.labels import LABELS
from stressvision_training import checkpoint
from stressvision_training.architectures import build
from stressvision_training.balance import class_weights, classes_of, row_weights
from stressvision_training.batches import Batches
from stressvision_training.classes import SCHEMES, serves
from stressvision_training.dataset import Dataset, file_digest, read_dataset
from stressvision_training.evaluate import judge as judge_rows
from stressvision_training.evaluate import summary
from stressvision_training.metrics import scores
from stressvision_training.network import heads_of, load_network, probabilities_of
from stressvision_training.optimisation import Average, optimiser_of, plateau_rate
from stressvision_training.pretrained import load_pretrained, pretrained_file
from stressvision_training.recipe import Recipe, read_recipe, recipe_text
from stressvision_training.rows import SourceError
from stressvision_training.targets import head_loss, targets_of
from stressvision_training.truth import truth_for
from stressvision_training.tuning import Leg, legs_of, thaw

BEST: Final = "model.keras"
RUN: Final = "run.json"
PROGRESS: Final = "progress.jsonl"
RECIPE: Final = "recipe.toml"
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
) -> dict[str, Any]:
    """Train, or go on training, the run in `out`; return the record of its best epoch.

    `changes` are `key=value` for the recipe; `init` is a .keras network of the same architecture whose weights a new
    run begins with. `report` gets a record per epoch and, in between, `{"epoch", "share"}` as an epoch advances, and
    first `{"begins"}`, what the weights begin with. `SourceError` when `out` holds a run of another recipe or data.
    """
    recipe, dataset = read_recipe(recipe_path, changes), read_dataset(data)
    weights = None if init is not None else pretrained_file(recipe.architecture)
    _begin(out, recipe_path, recipe, data, dataset, init, weights)
    report({"begins": begins(recipe, init, weights)})
    _limit_threads(recipe)
    train, validation = _limited(dataset.part("train"), recipe), dataset.part("validation")
    batches = _batches(train, recipe)
    legs = legs_of(recipe, pretrained=init is not None or weights is not None)
    done = checkpoint.epochs_done(out)
    leg = _leg(legs, max(done - 1, 0))
    model = _network(recipe)
    _compile(model, recipe, leg, len(batches))
    if init is not None:
        _begin_with(model, init)
    elif weights is not None:
        load_pretrained(model, weights)
    average, state = checkpoint.load(out, model) or (model.get_weights(), {"best": None, "epochs": []})
    moving = Average(average, recipe.optimiser.average)
    judge = build(recipe.architecture, [head.classes for head in recipe.heads], fixed=True)
    for epoch in range(done, recipe.epochs):
        if _is_stopped(recipe, state):
            break
        began = time.monotonic()
        if leg is not _leg(legs, epoch):
            leg = _leg(legs, epoch)
            _compile(model, recipe, leg, len(batches))
        _follow_plateau(model, leg, recipe, state)
        _seed_dropout(model, recipe.seed, epoch)
        loss = _epoch(model, moving, batches, epoch, report)
        judge.set_weights(moving.weights)
        record = {"epoch": epoch + 1, "epochs": recipe.epochs, "side": recipe.side(epoch), "loss": loss}
        record |= _judged(judge, validation, recipe.architecture.input_size)
        record["seconds"] = time.monotonic() - began
        record["eta_seconds"] = _remaining(recipe, epoch, record["seconds"])
        if state["best"] is None or recipe.select == "last" or record[recipe.select] >= state["best"][recipe.select]:
            state["best"] = record
            _save_model(judge, out)
        state["epochs"].append(record)
        checkpoint.save(out, model, moving.weights, state)
        (out / PROGRESS).write_text("".join(json.dumps(done) + "\n" for done in state["epochs"]))
        report(record)
    best: dict[str, Any] = state["best"]
    return best


def begins(recipe: Recipe, init: Path | None, weights: Path | None) -> str:
    """Return in words what the weights of a run begin with."""
    if init is not None:
        return f"with the weights of {init}"
    if weights is not None:
        return f"with pretrained weights, {weights}"
    spared = "; `tuning` is left out, all layers learn from the start" if recipe.tuning else ""
    return f"from scratch, no pretrained weights{spared}"


def _is_stopped(recipe: Recipe, state: dict[str, Any]) -> bool:
    figures = [record[recipe.select] for record in state["epochs"]] if recipe.stop_after else []
    return bool(figures) and len(figures) - 1 - int(np.argmax(figures)) >= (recipe.stop_after or 0)


def _seed_dropout(model: Any, seed: int, epoch: int) -> None:
    """What a layer drops in an epoch must not depend on whether the run was interrupted before it."""
    for number, layer in enumerate(model.layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            generator.state.assign(np.random.default_rng((seed, epoch, number)).integers(0, 2**31, 2, np.uint32))


def _follow_plateau(model: Any, leg: Leg, recipe: Recipe, state: dict[str, Any]) -> None:
    how = leg.optimiser
    if how.plateau is not None:
        figures = [record[recipe.select] for record in state["epochs"][leg.first :]]
        model.optimizer.learning_rate.assign(plateau_rate(how.rate, how.plateau, figures))


def _leg(legs: list[Leg], epoch: int) -> Leg:
    return next((leg for leg in legs if epoch < leg.until), legs[-1])


def _limited(train: Dataset, recipe: Recipe) -> Dataset:
    limit = recipe.rows.limit
    if limit is None or limit >= len(train):
        return train
    rows = np.random.default_rng(recipe.seed).permutation(len(train))[:limit]
    return train.take(np.sort(rows))


def _batches(train: Dataset, recipe: Recipe) -> Batches:
    custom = np.char.startswith(train.sources, "custom")
    repeats = np.where(custom, recipe.rows.custom_repeat, 1)
    targets = {head.classes: targets_of(train, head) for head in recipe.heads}
    fine = any(head.classes == "fer7" for head in recipe.heads)
    labels = train.labels if fine else classes_of(train)
    weighted = recipe.rows.balance == "weights"
    extras = {WEIGHT: row_weights(labels, class_weights(labels))} if weighted else None
    return Batches(train.images, targets, repeats, recipe, face=train.face, labels=labels, extras=extras)


def _judged(judge: Any, validation: Dataset, side: int) -> dict[str, Any]:
    """Return the figures of every scheme that the network serves; `accuracy` and `macro_f1` are means of headlines."""
    schemes = [scheme for scheme in SCHEMES if any(serves(head, scheme) for head in heads_of(judge))]
    faces = validation.faces(side)
    found, headlines = {}, []
    for scheme in schemes:
        probabilities = probabilities_of(judge, faces, scheme)
        found[scheme] = summary(judge_rows(probabilities, validation, scheme))
        truth = truth_for(validation, scheme)
        headlines.append(scores(probabilities[truth >= 0], truth[truth >= 0], LABELS[scheme]))
    means = {name: float(np.mean([headline[name] for headline in headlines])) for name in ("accuracy", "macro_f1")}
    return means | {f"{scheme}_{name}": value for scheme, short in found.items() for name, value in short.items()}


def _epoch(model: Any, moving: Average, batches: Batches, epoch: int, report: Report) -> float:
    losses = []
    for step, (faces, targets) in enumerate(batches.epoch(epoch)):
        weight = targets.pop(WEIGHT, None)
        weights = None if weight is None else dict.fromkeys(targets, weight)
        losses.append(float(np.ravel(model.train_on_batch(faces, targets, sample_weight=weights))[0]))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"loss is {losses[-1]} in epoch {epoch + 1}, step {step + 1}; lower optimiser.rate"
            )
        moving.follow(model, epoch * len(batches) + step)
        if step % 10 == 0:
            report({"epoch": epoch + 1, "share": (step + 1) / len(batches)})
    return float(np.mean(losses[-100:]))


def _network(recipe: Recipe) -> Any:
    import keras

    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_dtype_policy(recipe.precision)
    model = build(recipe.architecture, [head.classes for head in recipe.heads])
    keras.mixed_precision.set_dtype_policy("float32")
    return model


def _compile(model: Any, recipe: Recipe, leg: Leg, steps: int) -> None:
    thaw(model, leg.backbone)
    optimiser = optimiser_of(leg.optimiser, leg.until - leg.first, steps)
    optimiser.build(model.trainable_variables)
    model.compile(
        optimizer=optimiser,
        loss={head.classes: head_loss for head in recipe.heads},
        loss_weights={head.classes: head.weight for head in recipe.heads},
        jit_compile=False,
    )


def _begin_with(model: Any, init: Path) -> None:
    try:
        model.set_weights(load_network(init).get_weights())
    except ValueError as error:
        raise SourceError(f"{init}: its layers are not those of the recipe: {error}") from error


def _origin(init: Path) -> dict[str, Any]:
    """Return the digest of the network that a run begins with, and of its own run what lies beside it."""
    facts = json.loads((init.parent / RUN).read_text()) if (init.parent / RUN).is_file() else {}
    lines = (init.parent / PROGRESS).read_text().splitlines() if (init.parent / PROGRESS).is_file() else []
    return {"sha256": file_digest(init), "recipe": facts.get("recipe"), "epochs": len(lines)}


def _limit_threads(recipe: Recipe) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import cv2
    import tensorflow as tf

    cv2.setNumThreads(1)
    try:
        tf.config.threading.set_intra_op_parallelism_threads(recipe.threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        return  # TensorFlow is already running in this process and keeps the threads it has


def _begin(
    out: Path,
    recipe_path: Path,
    recipe: Recipe,
    data: Path,
    dataset: Dataset,
    init: Path | None,
    weights: Path | None,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    stored = out / RUN
    if stored.is_file():
        before = json.loads(stored.read_text())
        if before["data"] != dataset.digests or read_recipe(out / RECIPE) != recipe:
            raise SourceError(f"{out}: holds a run of another recipe or other data; give another --out")
        return
    as_given = recipe == read_recipe(recipe_path)
    (out / RECIPE).write_text(recipe_path.read_text(encoding="utf-8") if as_given else recipe_text(recipe))
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow-cpu", "keras", "numpy")}
    facts = {
        "recipe": recipe_path.name,
        "recipe_as_given": as_given,
        "seed": recipe.seed,
        "labels": dataset.scheme,
        "init": _origin(init) if init else None,
        "begins": begins(recipe, init, weights),
        "weights_sha256": file_digest(weights) if weights else None,
        "data": dataset.digests,
        "data_folder": str(data.resolve()),
        "versions": versions,
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    stored.write_text(json.dumps(facts, indent=2) + "\n")


def _save_model(judge: Any, out: Path) -> None:
    partial = out / "partial.keras"
    judge.save(partial)
    partial.replace(out / BEST)


def _remaining(recipe: Recipe, epoch: int, seconds: float) -> float:
    per_pixel = seconds / recipe.side(epoch) ** 2
    return sum(per_pixel * recipe.side(later) ** 2 for later in range(epoch + 1, recipe.epochs))
