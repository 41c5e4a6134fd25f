"""What an exported file must meet before anyone may ship it."""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from stressvision_training.evaluation.benchmark import CLIENT_BYTES

AGREEMENT: Final = 0.98
LOSS: Final = 0.005
FORMAT_AGREEMENT: Final = 0.999
RUNTIME_AGREEMENT: Final = 0.98
RUNTIME_DIFFERENCE: Final = 0.05


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One condition: `met` is None when it could not be tried here."""

    name: str
    figure: float
    bar: str
    met: bool | None


def quality_gates(
    whole: NDArray[np.float32], int8: NDArray[np.float32], truth: NDArray[np.int64], clear: NDArray[np.bool_], size: int
) -> list[Gate]:
    """Return the gates on INT8 against float over the same faces, and on size; `truth` counts where `clear`."""
    same = float((whole.argmax(axis=1) == int8.argmax(axis=1)).mean())
    right = [float((p[clear].argmax(axis=1) == truth[clear]).mean()) for p in (whole, int8)]
    lost = right[0] - right[1]
    return [
        Gate(name="same label as float", figure=same, bar=f">= {AGREEMENT}", met=same >= AGREEMENT),
        Gate(name="accuracy lost against float", figure=lost, bar=f"<= {LOSS}", met=lost <= LOSS),
        Gate(name="size in bytes", figure=size, bar=f"<= {CLIENT_BYTES}", met=size <= CLIENT_BYTES),
    ]


def format_gate(name: str, whole: NDArray[np.float32], given: NDArray[np.float32]) -> Gate:
    """Return the gate that a float file says what the network says, of n x labels by each."""
    same = float((whole.argmax(axis=1) == given.argmax(axis=1)).mean())
    return Gate(
        name=f"same label as float, {name} file",
        figure=same,
        bar=f">= {FORMAT_AGREEMENT}",
        met=same >= FORMAT_AGREEMENT,
    )


def runtime_gates(first: NDArray[np.float32], second: NDArray[np.float32] | None) -> list[Gate]:
    """Return the gates on the two interpreters' agreement; `second` is None when only one is installed.

    They round differently in every layer, so labels may differ where two are all but tied, and one face in a hundred
    may differ by more than the bar on probabilities.
    """
    same = apart = float("nan")
    if second is not None:
        same = float((first.argmax(axis=1) == second.argmax(axis=1)).mean())
        apart = float(np.percentile(np.abs(first - second).max(axis=1), 99))
    tried = second is not None
    return [
        Gate(
            name="same label in both interpreters",
            figure=same,
            bar=f">= {RUNTIME_AGREEMENT}",
            met=same >= RUNTIME_AGREEMENT if tried else None,
        ),
        Gate(
            name="difference between interpreters, 99 % of faces",
            figure=apart,
            bar=f"<= {RUNTIME_DIFFERENCE}",
            met=apart <= RUNTIME_DIFFERENCE if tried else None,
        ),
    ]


def integer_gate(interpreter: Any) -> Gate:
    """Return the gate that no tensor of the model is a float."""
    floats = [d["name"] for d in interpreter.get_tensor_details() if np.issubdtype(d["dtype"], np.floating)]
    return Gate(name="float tensors", figure=len(floats), bar="== 0", met=not floats)


def gate_table(title: str, gates: list[Gate]) -> Table:
    """Return the gates of an export."""
    table = Table("gate", "figure", "bar", "met", title=title)
    for gate in gates:
        table.add_row(gate.name, f"{gate.figure:.5g}", gate.bar, "not tried" if gate.met is None else str(gate.met))
    return table
