"""The folder of a run, laid out as the client's document 5 shows, with what made it and how it went."""

import csv
import fcntl
import importlib.metadata
import io
import json
import math
import platform
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from stressvision_training.classes import HEAD_CLASSES
from stressvision_training.data.dataset import Dataset, file_digest
from stressvision_training.data.frozen import how_dealt
from stressvision_training.data.rows import SourceError
from stressvision_training.fitting.backend import multiplies_bfloat16, policy_of
from stressvision_training.fitting.checkpoint import epochs_done
from stressvision_training.fitting.distillation import Lessons
from stressvision_training.fitting.recipe import Recipe, read_recipe, recipe_text
from stressvision_training.one_step import in_one_step

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
LOCK: Final = ".lock"

NEEDED: Final = ("recipe", "numbers", "begins", "init", "teachers", "data", "data_folder", "versions")
"""Of what `begin` writes, what others rely on."""

Record = dict[str, Any]


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """What the weights of a run begin with, and what it learns from beside the labels."""

    init: Path | None = None
    weights: Path | None = None
    lessons: Lessons | None = None
    """What teachers said of the faces beforehand."""
    teachers: tuple[Path, ...] = ()
    """Those that are asked about each face as it is varied."""
    taught_by: list[dict[str, str]] = []
    """File and digest of each teacher, beforehand or now."""


def begins(recipe: Recipe, beginning: Beginning) -> str:
    """Return in words what a run begins with, and what of its recipe is left out for want of it."""
    taught = ""
    if recipe.distillation is not None:
        n = len(beginning.taught_by)
        live = ", asked about each varied face" if beginning.teachers else ""
        taught = (
            f"; learns from {n} teacher{'s' * (n > 1)} too{live}"
            if n
            else "; no --lessons and no --teacher, so it learns from the labels alone"
        )
    if beginning.init is not None:
        return f"with the weights of {Path(*beginning.init.parts[-2:])}{taught}"
    if beginning.weights is not None:
        return f"with pretrained weights, {beginning.weights}{taught}"
    spared = "; `tuning` is left out, all layers learn from the start" if recipe.tuning else ""
    return f"from scratch, no pretrained weights{spared}{taught}"


@contextmanager
def alone(out: Path) -> Iterator[None]:
    """Hold the folder of a run while it is worked on; `SourceError` when another fit does: they would mix weights."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SourceError(
                f"{out}: another fit is at work in it; wait for its end, or give another --out"
            ) from error
        yield


def begin(
    out: Path,
    recipe_path: Path,
    recipe: Recipe,
    data: Path,
    dataset: Dataset,
    beginning: Beginning,
    changes: Sequence[str] = (),
) -> str:
    """Make the folder of a run, or check that the run in it is this one: `SourceError` when it is another.

    Return in words how it begins or goes on. Before its first epoch is over there is no run: it begins anew.
    """
    (out / BEST).parent.mkdir(parents=True, exist_ok=True)
    done = epochs_done(out / LAST)
    if done:
        before = facts_of(out)
        _check_same(out, before, recipe, dataset, beginning)
        return f"goes on after epoch {done}{_elsewhere(before, recipe)}{_slowly(recipe)}"
    as_given = recipe == read_recipe(recipe_path)
    (out / RECIPE).write_text(recipe_path.read_text(encoding="utf-8") if as_given else recipe_text(recipe))
    facts = {
        "recipe": recipe_path.name,
        "recipe_as_given": as_given,
        "changes": list(changes),
        "numbers": msgspec.to_builtins(recipe),
        "seed": recipe.seed,
        "labels": dataset.scheme,
        "init": _origin(beginning.init) if beginning.init else None,
        "begins": begins(recipe, beginning),
        "teachers": beginning.taught_by,
        "teachers_are_live": bool(beginning.teachers),
        "weights_sha256": file_digest(beginning.weights) if beginning.weights else None,
        "data": dataset.digests,
        "data_folder": str(data.resolve()),
        "prepared": how_dealt(data),
        "code": revision(),
        **_runs_on(recipe),
        "machine": platform.machine(),
        "python": platform.python_version(),
    }
    _write(out / EXPERIMENT, json.dumps(facts, indent=2) + "\n")
    return f"begins {facts['begins']}{_slowly(recipe)}"


def _check_same(out: Path, before: Record, recipe: Recipe, dataset: Dataset, beginning: Beginning) -> None:
    if read_recipe(out / RECIPE) != recipe:
        raise SourceError(f"{out}: holds a run of another recipe; give {out / RECIPE}, or another --out")
    if before["data"] != dataset.digests:
        raise SourceError(f"{out}: holds a run on other data; give {before['data_folder']}, or another --out")
    if (before["init"] or {}).get("sha256") != (file_digest(beginning.init) if beginning.init else None):
        raise SourceError(f"{out}: the run in it began {before['begins']}; begin alike, or give another --out")
    taught = (beginning.taught_by, bool(beginning.teachers))
    if (before["teachers"], before.get("teachers_are_live", False)) != taught:
        raise SourceError(f"{out}: the run in it has other teachers; give those, as they were given, or another --out")


def _elsewhere(before: Record, recipe: Recipe) -> str:
    """Say what a run goes on under that it did not begin under: its weights are those of no unbroken run then."""
    now = _runs_on(recipe)
    if all(before.get(name) == value for name, value in now.items()):
        return ""
    began, runs = (f"{on['backend']} in {on.get('policy')}, {on['versions']}" for on in (before, now))
    return f"; it began on {began}, this is {runs}: it will not end in the weights of an unbroken run"


def _slowly(recipe: Recipe) -> str:
    if policy_of(recipe.precision) != "mixed_bfloat16" or multiplies_bfloat16():
        return ""
    return "; this processor has no instructions for bfloat16, so it is slow: --set precision=auto would take float32"


def facts_of(run: Path) -> dict[str, Any]:
    """Return what `begin` wrote; `SourceError` when `run` is no run."""
    try:
        facts = msgspec.json.decode((run / EXPERIMENT).read_bytes(), type=dict[str, Any])
    except OSError as error:
        raise SourceError(f"{run / EXPERIMENT}: {error.strerror}; give the --out folder of a fit") from error
    except msgspec.DecodeError as error:
        raise SourceError(f"{run / EXPERIMENT}: is damaged: {error}") from error
    missing = [name for name in NEEDED if name not in facts]
    if missing:
        raise SourceError(f"{run / EXPERIMENT}: has no {', '.join(missing)}; it is not of fit, or damaged")
    return facts


def history_of(run: Path) -> list[Record]:
    """Return the records of a run's epochs, none before its first is over."""
    path = run / HISTORY
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Record]) if path.is_file() else []
    except msgspec.DecodeError as error:
        raise SourceError(f"{path}: is damaged: {error}") from error


def unfinished(run: Path) -> str | None:
    """Return in words how far a run has come, unless it came to its end or was stopped by its recipe."""
    done, of = len(history_of(run)), facts_of(run)["numbers"]["epochs"]
    return None if (run / FINAL).is_file() else f"only {done} of {of} epochs are done"


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
    _write(out / MODEL_CONFIG, json.dumps(config, indent=2) + "\n")


def save_network(network: Any, path: Path) -> None:
    """Write a network to `path`."""
    with in_one_step(path) as partial:
        network.save(partial)


def write_history(out: Path, records: Sequence[Record]) -> None:
    """Write the history as JSON and as a CSV log, a line per epoch."""
    _write(out / HISTORY, json.dumps(records, indent=1) + "\n")
    lines = io.StringIO()
    writer = csv.DictWriter(lines, list(records[0]), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(records)
    _write(out / LOG, lines.getvalue())


def _write(path: Path, content: str) -> None:
    with in_one_step(path) as partial:
        partial.write_text(content, encoding="utf-8")


def finish(out: Path, records: Sequence[Record]) -> None:
    """Put the chosen network at the top of the folder, and the curves of the run beside it."""
    with in_one_step(out / FINAL) as partial:
        shutil.copyfile(out / BEST, partial)
    _draw(out / CURVES, records)


def _draw(path: Path, records: Sequence[Record]) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    epochs = [record["epoch"] for record in records]
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    loss, judged = figure.subplots(1, 2)
    for name, word in (("loss", "training"), ("validation_loss", "validation")):
        loss.plot(epochs, [record.get(name, math.nan) for record in records], label=word)
    loss.set(xlabel="epoch", ylabel="loss")
    loss.legend(loc="upper right")
    pace = loss.twinx()
    pace.plot(epochs, [record["rate"] for record in records], color="tab:grey", linestyle=":", label="learning rate")
    pace.set_ylabel("learning rate")
    for name, word in (("accuracy", "accuracy"), ("macro_f1", "macro-F1")):
        judged.plot(epochs, [record[name] for record in records], label=word)
    judged.set(xlabel="epoch", ylabel="validation", ylim=(0, 1))
    judged.legend(loc="lower right")
    figure.savefig(path, dpi=120)


def _origin(init: Path) -> dict[str, Any]:
    """Return the digest of the network that a run begins with, and how its own run was made, if it lies around it."""
    found: Record = {"sha256": file_digest(init)}
    for run in (init.parent, init.parent.parent):
        if (run / EXPERIMENT).is_file():
            facts = facts_of(run)
            kept = {name: facts.get(name) for name in ("recipe", "changes", "teachers", "teachers_are_live", "init")}
            return found | kept | {"epochs": len(history_of(run)), "of_epochs": facts["numbers"]["epochs"]}
    return found


def _runs_on(recipe: Recipe) -> Record:
    """Return what decides, beside recipe and data, how the numbers of a run are rounded."""
    import keras

    backend = str(keras.backend.backend())
    names = dict.fromkeys(("tensorflow-cpu", "tensorflow", backend, "keras", "numpy"))  # with a GPU it is the second
    versions = {name: importlib.metadata.version(name) for name in names if _is_installed(name)}
    return {"backend": backend, "policy": policy_of(recipe.precision), "versions": versions}


def _is_installed(name: str) -> bool:
    return any(importlib.metadata.distributions(name=name))
