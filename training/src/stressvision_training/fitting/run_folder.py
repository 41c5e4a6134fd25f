"""The folder of a run, laid out as the client's document 5 shows, with what made it and how it went."""

import csv
import importlib.metadata
import json
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from stressvision_training.classes import HEAD_CLASSES
from stressvision_training.data.dataset import Dataset, file_digest
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.distillation import Lessons
from stressvision_training.fitting.recipe import Recipe, read_recipe, recipe_text

EXPERIMENT: Final = "experiment_config.json"
RECIPE: Final = "recipe.toml"
MODEL_CONFIG: Final = "model_config.json"
HISTORY: Final = "training_history.json"
CURVES: Final = "training_history.png"
LOG: Final = "training_log.csv"
BEST: Final = "checkpoints/best_model.keras"
LAST: Final = "checkpoints/last.npz"
FINAL: Final = "final_model.keras"
BOARD: Final = "tensorboard"

Record = dict[str, Any]


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What the weights of a run begin with, and what it learns from beside the labels."""

    init: Path | None = None
    weights: Path | None = None
    lessons: Lessons | None = None


def begins(recipe: Recipe, beginning: Beginning) -> str:
    """Return in words what a run begins with, and what of its recipe is left out for want of it."""
    taught = ""
    if recipe.distillation is not None:
        n = len(beginning.lessons.teachers) if beginning.lessons else 0
        taught = (
            f"; learns from {n} teacher{'s' * (n > 1)} too"
            if n
            else "; no --lessons, so it learns from the labels alone"
        )
    if beginning.init is not None:
        return f"with the weights of {beginning.init}{taught}"
    if beginning.weights is not None:
        return f"with pretrained weights, {beginning.weights}{taught}"
    spared = "; `tuning` is left out, all layers learn from the start" if recipe.tuning else ""
    return f"from scratch, no pretrained weights{spared}{taught}"


def begin(out: Path, recipe_path: Path, recipe: Recipe, data: Path, dataset: Dataset, beginning: Beginning) -> None:
    """Make the folder of a run, or check that the run in it is this one: `SourceError` when it is another."""
    (out / BEST).parent.mkdir(parents=True, exist_ok=True)
    stored = out / EXPERIMENT
    lessons = beginning.lessons
    if stored.is_file():
        before = json.loads(stored.read_text())
        if before["data"] != dataset.digests or read_recipe(out / RECIPE) != recipe:
            raise SourceError(f"{out}: holds a run of another recipe or other data; give another --out")
        if before["teachers"] != (lessons.teachers if lessons else []):
            raise SourceError(f"{out}: the run in it has other teachers; give their --lessons, or another --out")
        return
    as_given = recipe == read_recipe(recipe_path)
    (out / RECIPE).write_text(recipe_path.read_text(encoding="utf-8") if as_given else recipe_text(recipe))
    facts = {
        "recipe": recipe_path.name,
        "recipe_as_given": as_given,
        "numbers": msgspec.to_builtins(recipe),
        "seed": recipe.seed,
        "labels": dataset.scheme,
        "init": _origin(beginning.init) if beginning.init else None,
        "begins": begins(recipe, beginning),
        "teachers": lessons.teachers if lessons else [],
        "weights_sha256": file_digest(beginning.weights) if beginning.weights else None,
        "data": dataset.digests,
        "data_folder": str(data.resolve()),
        "code": revision(),
        "backend": _backend(),
        "versions": {name: importlib.metadata.version(name) for name in ("tensorflow-cpu", "keras", "numpy")},
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    stored.write_text(json.dumps(facts, indent=2) + "\n")


def facts_of(run: Path) -> dict[str, Any]:
    """Return what `begin` wrote; `SourceError` when `run` is no run."""
    try:
        facts: dict[str, Any] = json.loads((run / EXPERIMENT).read_text())
    except OSError as error:
        raise SourceError(f"{run / EXPERIMENT}: {error.strerror}; give the --out folder of a fit") from error
    return facts


def history_of(run: Path) -> list[Record]:
    """Return the records of a run's epochs, none before its first is over."""
    path = run / HISTORY
    return list(json.loads(path.read_text())) if path.is_file() else []


def revision() -> dict[str, Any]:
    """Return version and, in a git checkout, commit of this code, and whether files differ from that commit."""
    here = Path(__file__).parent
    found: dict[str, Any] = {"version": importlib.metadata.version("stressvision-training"), "commit": None}

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return found | {"commit": git("rev-parse", "HEAD"), "changed": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.CalledProcessError):
        return found  # an installed package, or no git


def write_model_config(out: Path, recipe: Recipe, network: Any) -> None:
    """Write what the network is, in words that need no Keras."""
    config = {
        "architecture": msgspec.to_builtins(recipe.architecture),
        "parameters": network.count_params(),
        "input": list(network.input_shape),
        "heads": {head.classes: list(HEAD_CLASSES[head.classes]) for head in recipe.heads},
    }
    (out / MODEL_CONFIG).write_text(json.dumps(config, indent=2) + "\n")


def save_network(network: Any, path: Path) -> None:
    """Write a network to `path` in one step: a kill leaves the old file or the new one."""
    partial = path.with_suffix(".partial.keras")
    network.save(partial)
    partial.replace(path)


def write_history(out: Path, records: Sequence[Record]) -> None:
    """Write the history as JSON and as a CSV log, a line per epoch."""
    partial = out / f"{HISTORY}.partial"
    partial.write_text(json.dumps(records, indent=1) + "\n")
    partial.replace(out / HISTORY)
    with (out / LOG).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(records[0]), lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(records)


def finish(out: Path, records: Sequence[Record]) -> None:
    """Put the chosen network at the top of the folder, and the curves of the run beside it."""
    partial = out / f"{FINAL}.partial"
    shutil.copyfile(out / BEST, partial)
    partial.replace(out / FINAL)
    _draw(out / CURVES, records)


def _draw(path: Path, records: Sequence[Record]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    epochs = [record["epoch"] for record in records]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, judged = figure.subplots(1, 2)
    loss.plot(epochs, [record["loss"] for record in records], label="training loss")
    loss.set(xlabel="epoch", ylabel="loss")
    pace = loss.twinx()
    pace.plot(epochs, [record["rate"] for record in records], color="tab:grey", linestyle=":", label="learning rate")
    pace.set_ylabel("learning rate")
    for name, word in (("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
        judged.plot(epochs, [record[name] for record in records], label=word)
    judged.set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    judged.legend(loc="lower right")
    figure.savefig(path, dpi=120)


def _origin(init: Path) -> dict[str, Any]:
    """Return the digest of the network that a run begins with, and of its own run what lies around it."""
    runs = [folder for folder in (init.parent, init.parent.parent) if (folder / EXPERIMENT).is_file()]
    recipe = facts_of(runs[0])["recipe"] if runs else None
    return {"sha256": file_digest(init), "recipe": recipe, "epochs": len(history_of(runs[0])) if runs else 0}


def _backend() -> str:
    import keras

    return str(keras.backend.backend())
