"""`evaluate`: judge a model."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stressvision_contracts.labels import LabelScheme
from stressvision_training.cli.shared import Data, Json, Range, fail
from stressvision_training.evaluation.tables import report_tables


def evaluate(
    model: Annotated[Path, typer.Argument(help="A .keras network or a .tflite model; ours or another's.")],
    data: Data,
    split: Annotated[
        str, typer.Option(help="train, validation, test, public (FER-2013's PublicTest), or all.")
    ] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Write report.json and figures here; confused.png shows faces.")
    ] = None,
    against: Annotated[Path | None, typer.Option(help="Another model, asked about the same rows (McNemar).")] = None,
    record: Annotated[Path | None, typer.Option(help="Append a line per source of labels to this CSV.")] = None,
    labels: Annotated[LabelScheme | None, typer.Option(help="Which head; by default that of the data.")] = None,
    input_range: Range = None,
    as_json: Json = False,
) -> None:
    """Judge a model on one split; an INT8 file is run by the classifier that devices use."""
    from stressvision_training.evaluation.evaluate import evaluate as run
    from stressvision_training.evaluation.results import append, check

    try:
        if record is not None:
            check(record)
        found = run(model, data, split, labels, against=against, input_range=input_range)
        if out is not None:
            from stressvision_training.evaluation.figures import write_figures

            write_figures(out, found)
            (out / "report.json").write_text(json.dumps(found.report, indent=2) + "\n")
        if record is not None:
            append(record, found.report)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    if as_json:
        print(json.dumps(found.report))
        return
    for note in found.report["notes"]:
        print(f"note: {note}")
    for table in report_tables(found.report):
        Console(markup=False).print(table)
