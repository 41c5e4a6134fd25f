"""`compare`: runs and models side by side."""

from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from stressvision_training.cli.shared import Json, console, fail

SHORT: Final = ("model", "judged by", "parameters", "MMAC", "accuracy", "macro F1", "ms p50 / p95", "min")
"""What fits a terminal."""


def compare(
    models: Annotated[
        list[Path], typer.Argument(metavar="RUN_OR_MODEL...", help="Folders of fits, .keras networks, model folders.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="A folder made by `prepare`; by default each run's own.")
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    out: Annotated[
        list[Path] | None, typer.Option(help="Write a .csv, .md or .png; may be given again for the others.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare size, speed, quality in float and INT8, and what training took, beside the client's documents."""
    from stressvision_training.comparison.compare import compare as run
    from stressvision_training.comparison.compare_tables import HEADINGS, check_output, table_rows, write_comparison

    try:
        for file in out or ():
            check_output(file)
        lines = run(models, data, split, report=lambda name: console.print(f"judging {name}", highlight=False))
        for file in out or ():
            write_comparison(file, lines)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    if as_json:
        print(msgspec.json.encode(lines).decode())
        return
    table = Table(*SHORT, title=f"{split}; with a slash: float / INT8; the rest with --out or --json")
    for row in table_rows(lines):
        table.add_row(*(row[HEADINGS.index(heading)] for heading in SHORT))
    Console(markup=False).print(table)
