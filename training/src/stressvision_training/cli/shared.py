"""What every command shares: the console, the `--json` and `--data` options, and how an error ends it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console

from stressvision_contracts.labels import LabelScheme

console: Final = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[Path, typer.Option("--data", help="A folder made by `prepare`.")]


class Labels(StrEnum):
    """The label schemes, as an option's choices."""

    COMPANY5 = "company5"
    FER7 = "fer7"

    @property
    def scheme(self) -> LabelScheme:
        """Return it as the rest of the code names it."""
        return "fer7" if self is Labels.FER7 else "company5"


def fail(error: Exception) -> typer.Exit:
    """Print `error` and return the exit to raise."""
    console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
    return typer.Exit(1)
