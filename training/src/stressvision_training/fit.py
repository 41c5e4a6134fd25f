"""Train a network by a recipe: per-epoch checkpoints, a judged moving average, and a record of what made it."""

import importlib.metadata
import json
import math
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training import checkpoint
from stressvision_training.architecture import build
from stressvision_training.batches import Batches
from stressvision_training.classes import FINE
from stressvision_training.dataset import Dataset, file_digest, read_dataset
from stressvision_training.evaluate import judge as judge_rows
from stressvision_training.evaluate import summary
from stressvision_training.predictor import load_network, network_probabilities
from stressvision_training.recipe import Recipe, read_recipe
from stressvision_training.rows import SourceError
from stressvision_training.targets import candidate_loss, soft_targets

BEST: Final = "model.keras"
RUN: Final = "run.json"
PROGRESS: Final = "progress.jsonl"
RECIPE: Final = "recipe.toml"

Report = Callable[[dict[str, Any]], None]


def fit(
    recipe_path: Path, data: Path, out: Path, report: Report = lambda _: None, init: Path | None = None
) -> dict[str, Any]:
    """Train, or go on training, the run in `out`; return the record of its best epoch.

    `init` is a .keras network of the same architecture whose weights a new run begins with.
    `report` gets a record per epoch and, in between, `{"epoch", "share"}` as an epoch advances. `SourceError` when
    `out` holds a run of another recipe or other data.
    """
    recipe, dataset = read_recipe(recipe_path), read_dataset(data)
    _begin(out, recipe_path, data, dataset, init)
    _limit_threads(recipe)
    train, validation = dataset.part("train"), dataset.part("validation")
    custom = np.char.startswith(train.sources, "custom")
    repeats = np.where(custom, recipe.targets.custom_repeat, 1)
    batches = Batches(train.images, soft_targets(train, recipe.targets.votes), repeats, recipe)
    model = _compiled(recipe, len(FINE[dataset.scheme]), len(batches))
    if init is not None:
        _begin_with(model, init)
    average, state = checkpoint.load(out, model) or (model.get_weights(), {"best": None, "epochs": []})
    judge = build(recipe.architecture, len(FINE[dataset.scheme]))
    for epoch in range(len(state["epochs"]), recipe.epochs):
        began = time.monotonic()
        loss = _epoch(model, average, batches, epoch, recipe, report)
        judge.set_weights(average)
        record = {"epoch": epoch + 1, "epochs": recipe.epochs, "side": recipe.side(epoch), "loss": loss}
        found = network_probabilities(judge, validation.images, dataset.scheme)
        record |= summary(judge_rows(found, validation))
        record["seconds"] = time.monotonic() - began
        record["eta_seconds"] = _remaining(recipe, epoch, record["seconds"])
        if state["best"] is None or record["macro_f1"] >= state["best"]["macro_f1"]:
            state["best"] = record
            _save_model(judge, out)
        state["epochs"].append(record)
        checkpoint.save(out, model, average, state)
        (out / PROGRESS).write_text("".join(json.dumps(done) + "\n" for done in state["epochs"]))
        report(record)
    best: dict[str, Any] = state["best"]
    return best


def _epoch(
    model: Any, average: list[NDArray[np.float32]], batches: Batches, epoch: int, recipe: Recipe, report: Report
) -> float:
    losses = []
    for step, (faces, targets) in enumerate(batches.epoch(epoch)):
        losses.append(float(model.train_on_batch(faces, targets)))
        if not math.isfinite(losses[-1]):
            raise FloatingPointError(
                f"loss is {losses[-1]} in epoch {epoch + 1}, step {step + 1}; lower optimiser.rate"
            )
        done = epoch * len(batches) + step
        # early on the average would otherwise hold the random start for hundreds of steps
        keep = min(recipe.optimiser.average, (1 + done) / (10 + done))
        for number, now in enumerate(model.get_weights()):
            average[number] = keep * average[number] + (1 - keep) * now
        if step % 10 == 0:
            report({"epoch": epoch + 1, "share": (step + 1) / len(batches)})
    return float(np.mean(losses[-100:]))


def _compiled(recipe: Recipe, classes: int, steps: int) -> Any:
    import keras

    keras.utils.set_random_seed(recipe.seed)
    keras.mixed_precision.set_dtype_policy(recipe.precision)
    model = build(recipe.architecture, classes)
    keras.mixed_precision.set_dtype_policy("float32")
    warmup = round(recipe.optimiser.warmup_epochs * steps)
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.optimiser.rate / 50 if warmup else recipe.optimiser.rate,
        max(recipe.epochs * steps - warmup, 1),
        warmup_target=recipe.optimiser.rate if warmup else None,
        warmup_steps=warmup,
    )
    optimiser = keras.optimizers.SGD(
        rate, momentum=recipe.optimiser.momentum, nesterov=True, weight_decay=recipe.optimiser.decay
    )
    optimiser.exclude_from_weight_decay(var_names=["gamma", "beta", "bias"])
    optimiser.build(model.trainable_variables)
    model.compile(optimizer=optimiser, loss=candidate_loss)
    return model


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


def _begin(out: Path, recipe_path: Path, data: Path, dataset: Dataset, init: Path | None) -> None:
    out.mkdir(parents=True, exist_ok=True)
    recipe = read_recipe(recipe_path)
    stored = out / RUN
    if stored.is_file():
        before = json.loads(stored.read_text())
        if before["data"] != dataset.digests or read_recipe(out / RECIPE) != recipe:
            raise SourceError(f"{out}: holds a run of another recipe or other data; give another --out")
        return
    (out / RECIPE).write_bytes(recipe_path.read_bytes())
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow-cpu", "keras", "numpy")}
    facts = {
        "recipe": recipe_path.name,
        "seed": recipe.seed,
        "labels": dataset.scheme,
        "init": _origin(init) if init else None,
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
