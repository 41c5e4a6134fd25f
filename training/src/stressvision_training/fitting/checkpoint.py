"""What a run needs to go on after a kill, in one file that is either the old one or the new one."""

import json
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.rows import SourceError
from stressvision_training.one_step import in_one_step


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
    with in_one_step(path) as partial:
        np.savez(partial, state=json.dumps(state), **arrays)


def epochs_done(path: Path) -> int:
    """Return how many epochs the checkpoint at `path` has behind it, 0 when there is none."""
    return len(_read(path, ("state",))[1]["epochs"]) if path.is_file() else 0


def load(path: Path, model: Any) -> tuple[list[NDArray[np.float32]], dict[str, Any]]:
    """Put the checkpoint at `path` into `model`; return moving average and state."""
    arrays, state = _read(path)
    model.set_weights(_numbered(arrays, "weight"))
    model.optimizer.build(model.trainable_variables)
    for variable, value in zip(model.optimizer.variables, _numbered(arrays, "optimiser"), strict=True):
        variable.assign(value)
    return _numbered(arrays, "average"), state


def _read(path: Path, names: Sequence[str] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the arrays `names` (all, if none is given) and the state; `SourceError` when the file is damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in names or stored.files}
        state = json.loads(str(arrays["state"]))
        return arrays, {"best": state["best"], "epochs": list(state["epochs"])}
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise SourceError(f"{path}: is damaged ({error}); take it away to begin anew, or give another --out") from error


def _numbered(arrays: dict[str, Any], name: str) -> list[Any]:
    count = sum(key.startswith(f"{name}.") for key in arrays)
    return [arrays[f"{name}.{number}"] for number in range(count)]
