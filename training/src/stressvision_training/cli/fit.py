"""`fit`: train by a recipe."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from stressvision_training.cli.shared import Data, Json, console, fail
from stressvision_training.data.rows import SourceError


def fit(
    recipe: Annotated[Path, typer.Option(help="A TOML file; see training/recipes.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="The run's folder; an interrupted run in it goes on.")],
    init: Annotated[
        Path | None, typer.Option(help="A .keras network to begin with, of the same architecture or a larger one.")
    ] = None,
    lessons: Annotated[
        Path | None, typer.Option(help="What teachers say (`teach`), for a recipe with \\[distillation].")
    ] = None,
    teachers: Annotated[
        list[Path] | None,
        typer.Option("--teacher", help="A .keras network that is asked about each varied face; may be given again."),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a number of the recipe; may be given again."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train by a recipe, with a checkpoint per epoch; run the same command again to go on after a kill."""
    from stressvision_training.fitting.fit import fit as run

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=as_json) as progress:
        task = progress.add_task("starting", total=1.0)

        def report(record: dict[str, Any]) -> None:
            if "says" in record:
                console.print(record["says"], highlight=False, soft_wrap=True)
            elif "share" in record:
                progress.update(task, completed=record["share"], description=f"epoch {record['epoch']}")
            elif as_json:
                print(json.dumps(record), flush=True)
            else:
                progress.console.print(_line(record), highlight=False)

        try:
            best = run(recipe, data, out, report, init, changes or (), lessons, teachers or ())
        except (SourceError, OSError, FloatingPointError) as error:
            raise fail(error) from error
    print(json.dumps({"best": best}) if as_json else f"best: {_line(best)}\nin {out}")


def _line(record: dict[str, Any]) -> str:
    return (
        f"epoch {record['epoch']}/{record['epochs']} at {record['side']} px: loss {record['loss']:.3f}, "
        f"validation {record['validation_loss']:.3f}, accuracy {record['accuracy']:.3f}, "
        f"macro-F1 {record['macro_f1']:.3f}, {record['seconds']:.0f} s, {record['eta_seconds'] / 60:.0f} min left"
    )
