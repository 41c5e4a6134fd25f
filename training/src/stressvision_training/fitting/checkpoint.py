"""What a run needs to go on after a kill, in one file that is either the old one or the new one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def save(path: Path, model: Any, average: list[NDArray[np.float32]], state: dict[str, Any]) -> None:
    """Write weights, their moving average, the optimiser's variables and `state` to `path`."""
    from keras import ops

    arrays: dict[str, Any] = {}
    for name, values in (
        ("weight", model.get_weights()),
        ("average", average),
        ("optimiser", [ops.convert_to_numpy(variable) for variable in model.optimizer.variables]),
    ):
        arrays |= {f"{name}.{number}": value for number, value in enumerate(values)}
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, state=json.dumps(state), **arrays)
    partial.replace(path)


def epochs_done(path: Path) -> int:
    """Return how many epochs the checkpoint at `path` has behind it, 0 when there is none."""
    if not path.is_file():
        return 0
    with np.load(path, allow_pickle=False) as stored:
        return len(json.loads(str(stored["state"]))["epochs"])


def load(path: Path, model: Any) -> tuple[list[NDArray[np.float32]], dict[str, Any]]:
    """Put the checkpoint at `path` into `model`; return moving average and state."""
    with np.load(path, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    model.set_weights(_numbered(arrays, "weight"))
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, _numbered(arrays, "optimiser"), strict=True):
        variable.assign(value)
    return _numbered(arrays, "average"), json.loads(str(arrays["state"]))


def _numbered(arrays: dict[str, Any], name: str) -> list[Any]:
    count = sum(key.startswith(f"{name}.") for key in arrays)
    return [arrays[f"{name}.{number}"] for number in range(count)]
