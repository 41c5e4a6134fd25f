"""`benchmark`: time a model on this machine."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stressvision_training.cli.shared import Json, Range, fail
from stressvision_training.evaluation.tables import benchmark_table
from stressvision_vision.classifier import Runtime


def benchmark(
    model: Annotated[Path, typer.Argument(help="A .tflite model, with its manifest beside it or without.")],
    runs: Annotated[int, typer.Option(min=1)] = 100,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    runtime: Annotated[Runtime | None, typer.Option(help="Default: the first installed.")] = None,
    data: Annotated[Path | None, typer.Option(help="Measure its accuracy on data made by `prepare`.")] = None,
    split: Annotated[str, typer.Option(help="The split of the data.")] = "test",
    input_range: Range = None,
    as_json: Json = False,
) -> None:
    """Time a model on this machine, one face at a time, and hold it against the KPIs."""
    from stressvision_training.evaluation.benchmark import benchmark as run

    try:
        found = run(model, runs, threads, runtime, data, split, input_range)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    if as_json:
        print(json.dumps(found))
        return
    Console(markup=False).print(benchmark_table(found))
