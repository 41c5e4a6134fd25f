"""`evaluate`: judge a model."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from stressvision_training.cli.shared import Data, Json, Labels, fail
from stressvision_training.tables import report_tables


def evaluate(
    model: Annotated[Path, typer.Argument(help="A .keras network, or a .tflite model with its manifest beside it.")],
    data: Data,
    split: Annotated[str, typer.Option(help="train, validation, test, or public (FER-2013's PublicTest).")] = "test",
    out: Annotated[Path | None, typer.Option(help="Write report.json and figures here.")] = None,
    record: Annotated[Path | None, typer.Option(help="Append a line per source of labels to this CSV.")] = None,
    labels: Annotated[Labels | None, typer.Option(help="Which head; by default that of the data.")] = None,
    as_json: Json = False,
) -> None:
    """Judge a model on one split; an INT8 file is run by the classifier that devices use."""
    from stressvision_training.evaluate import evaluate as run

    try:
        report, probabilities, truth = run(model, data, split, labels.value if labels else None)
    except (ValueError, OSError) as error:
        raise fail(error) from error
    if out is not None:
        from stressvision_training.figures import write_figures

        write_figures(out, report, probabilities, truth)
        (out / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    if record is not None:
        from stressvision_training.results import append

        append(record, report)
    if as_json:
        print(json.dumps(report))
        return
    for table in report_tables(report):
        Console().print(table)
