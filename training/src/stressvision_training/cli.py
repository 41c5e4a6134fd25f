"""`stressvision-train`: from FER-2013 and company pictures to an INT8 model that was judged as it will run."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from stressvision_training.rows import SourceError
from stressvision_training.tables import benchmark_table, gate_table, report_tables

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
console = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Data = Annotated[Path, typer.Option("--data", help="A folder made by `prepare`.")]


class Labels(StrEnum):
    """The label schemes, as an option's choices."""

    COMPANY5 = "company5"
    FER7 = "fer7"


class Runtimes(StrEnum):
    """The interpreters, as an option's choices."""

    LITERT = "litert"
    TFLITE = "tflite"


def _fail(error: Exception) -> typer.Exit:
    console.print(f"[red]error:[/red] {error}", highlight=False, soft_wrap=True)
    return typer.Exit(1)


@app.command()
def prepare(
    fer2013: Annotated[Path, typer.Option(help="fer2013.csv, the folder of train/ and test/, or an .npz of both.")],
    out: Annotated[Path, typer.Option(help="The data folder to write.")],
    ferplus: Annotated[Path | None, typer.Option(help="FER+'s fer2013new.csv.")] = None,
    custom: Annotated[Path | None, typer.Option(help="Company faces: manifest.csv or label/subject_*.jpg.")] = None,
    labels: Annotated[Labels, typer.Option(help="What the model will tell apart.")] = Labels.COMPANY5,
    seed: Annotated[int, typer.Option(help="Deals the splits.")] = 2013,
    as_json: Json = False,
) -> None:
    """Read FER-2013, FER+ votes and company pictures into one folder with frozen splits."""
    from stressvision_training.prepare import prepare as run

    try:
        card = run(fer2013, out, ferplus=ferplus, custom=custom, scheme=labels.value, seed=seed)
    except (SourceError, OSError) as error:
        raise _fail(error) from error
    if as_json:
        print(json.dumps(card))
        return
    table = Table("split", "source", "label", "rows", title=f"{card['rows']} faces in {out}")
    for count in card["counts"]:
        table.add_row(count["split"], count["source"], count["label"], str(count["rows"]))
    Console().print(table)


@app.command()
def fit(
    recipe: Annotated[Path, typer.Option(help="A TOML file; see training/recipes.")],
    data: Data,
    out: Annotated[Path, typer.Option(help="The run's folder; an interrupted run in it goes on.")],
    init: Annotated[Path | None, typer.Option(help="A .keras network of the same architecture to begin with.")] = None,
    as_json: Json = False,
) -> None:
    """Train by a recipe, with a checkpoint per epoch; run the same command again to go on after a kill."""
    from stressvision_training.fit import fit as run

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=as_json) as progress:
        task = progress.add_task("starting", total=1.0)

        def report(record: dict[str, Any]) -> None:
            if "share" in record:
                progress.update(task, completed=record["share"], description=f"epoch {record['epoch']}")
            elif as_json:
                print(json.dumps(record), flush=True)
            else:
                progress.console.print(_line(record), highlight=False)

        try:
            best = run(recipe, data, out, report, init)
        except (SourceError, OSError, FloatingPointError) as error:
            raise _fail(error) from error
    print(json.dumps({"best": best}) if as_json else f"best: {_line(best)}\nin {out}")


def _line(record: dict[str, Any]) -> str:
    return (
        f"epoch {record['epoch']}/{record['epochs']} at {record['side']} px: loss {record['loss']:.3f}, "
        f"validation accuracy {record['accuracy']:.3f}, macro-F1 {record['macro_f1']:.3f}, "
        f"{record['seconds']:.0f} s, {record['eta_seconds'] / 60:.0f} min left"
    )


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="A .keras network, or a .tflite model with its manifest beside it.")],
    data: Data,
    split: Annotated[str, typer.Option(help="train, validation, test, or public (FER-2013's PublicTest).")] = "test",
    out: Annotated[Path | None, typer.Option(help="Write report.json and figures here.")] = None,
    record: Annotated[Path | None, typer.Option(help="Append a line per source of labels to this CSV.")] = None,
    as_json: Json = False,
) -> None:
    """Judge a model on one split; an INT8 file is run by the classifier that devices use."""
    from stressvision_training.evaluate import evaluate as run

    try:
        report, probabilities, truth = run(model, data, split)
    except (ValueError, OSError) as error:
        raise _fail(error) from error
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


@app.command()
def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a fit.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
    version: Annotated[str, typer.Option(help="The version that devices will report.")] = "0.1.0",
    data: Annotated[Path | None, typer.Option(help="The data folder, if it has moved since the fit.")] = None,
    as_json: Json = False,
) -> None:
    """Write the INT8 model of a run, with manifest and card; exit with 1 when it misses a gate."""
    from stressvision_training.export import export as run

    try:
        manifest, gates = run(run_folder, out, version, data)
    except (ValueError, OSError) as error:
        raise _fail(error) from error
    if as_json:
        print(msgspec.json.encode({"manifest": manifest, "gates": gates}).decode())
    else:
        Console().print(gate_table(f"{out / manifest.file}, version {manifest.version}", gates))
    if any(gate.met is False for gate in gates):
        raise _fail(ValueError(f"{out}: a gate is not met; do not ship it"))


@app.command()
def benchmark(
    model: Annotated[Path, typer.Argument(help="A .tflite model with its manifest beside it.")],
    runs: Annotated[int, typer.Option(min=1)] = 100,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    runtime: Annotated[Runtimes | None, typer.Option(help="Default: the first installed.")] = None,
    as_json: Json = False,
) -> None:
    """Time a model on this machine, one face at a time, and hold it against the KPIs."""
    from stressvision_training.benchmark import benchmark as run

    try:
        found = run(model, runs, threads, runtime.value if runtime else None)
    except (ValueError, OSError) as error:
        raise _fail(error) from error
    if as_json:
        print(json.dumps(found))
        return
    Console().print(benchmark_table(found))
