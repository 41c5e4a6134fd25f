"""What a run needs to go on after a kill, in one file that is either the old one or the new one."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

CHECKPOINT: Final = "last.npz"


def save(run: Path, model: Any, average: list[NDArray[np.float32]], state: dict[str, Any]) -> None:
    """Write weights, their moving average, the optimiser's variables and `state` to `run`."""
    arrays: dict[str, Any] = {}
    for name, values in (
        ("weight", model.get_weights()),
        ("average", average),
        ("optimiser", [np.array(variable) for variable in model.optimizer.variables]),
    ):
        arrays |= {f"{name}.{number}": value for number, value in enumerate(values)}
    partial = run / "last.partial.npz"
    np.savez(partial, state=json.dumps(state), **arrays)
    partial.replace(run / CHECKPOINT)


def epochs_done(run: Path) -> int:
    """Return how many epochs the checkpoint of `run` has behind it, 0 when there is none."""
    if not (run / CHECKPOINT).is_file():
        return 0
    with np.load(run / CHECKPOINT, allow_pickle=False) as stored:
        return len(json.loads(str(stored["state"]))["epochs"])


def load(run: Path, model: Any) -> tuple[list[NDArray[np.float32]], dict[str, Any]] | None:
    """Put the checkpoint of `run` into `model`; return moving average and state, or None when there is none."""
    if not (run / CHECKPOINT).is_file():
        return None
    with np.load(run / CHECKPOINT, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    model.set_weights(_numbered(arrays, "weight"))
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, _numbered(arrays, "optimiser"), strict=True):
        variable.assign(value)
    return _numbered(arrays, "average"), json.loads(str(arrays["state"]))


def _numbered(arrays: dict[str, Any], name: str) -> list[Any]:
    count = sum(key.startswith(f"{name}.") for key in arrays)
    return [arrays[f"{name}.{number}"] for number in range(count)]
