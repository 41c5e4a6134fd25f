"""What every command shares: the console, the `--json` and `--data` options, and how an error ends it."""

from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.text import Text

from stressvision_vision.bare import InputRange

console: Final = Console(stderr=True, markup=False)
"""Paths and messages may hold brackets, which are not to be read as styles."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[Path, typer.Option("--data", help="A folder made by `prepare`.")]
Range = Annotated[
    InputRange | None,
    typer.Option(
        "--input-range",
        help="What to feed a model of another origin: grey is 0 to 255 (default for .keras), unit 0 to 1 (default for "
        "floats of .tflite), signed -1 to 1. A .tflite file that takes integers says it itself.",
    ),
]


def fail(error: Exception) -> typer.Exit:
    """Print `error` and return the exit to raise."""
    console.print(Text.assemble(("error:", "red"), f" {error}"), highlight=False, soft_wrap=True)
    return typer.Exit(1)
