"""`export`: the files that devices run."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from stressvision_contracts.labels import LabelScheme
from stressvision_training.cli.shared import Json, console, fail
from stressvision_training.exporting.gates import gate_table


def export(
    run_folder: Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a fit.")],
    out: Annotated[Path, typer.Option(help="The model folder to write.")],
    version: Annotated[str, typer.Option(help="The version that devices will report.")] = "0.1.0",
    data: Annotated[Path | None, typer.Option(help="The data folder, if it has moved since the fit.")] = None,
    labels: Annotated[LabelScheme | None, typer.Option(help="Which head; by default that of the data.")] = None,
    formats: Annotated[
        str, typer.Option(help="What to write, with commas: int8, which is always there, float16, float32, keras.")
    ] = "int8",
    as_json: Json = False,
) -> None:
    """Write the INT8 model of a run, with manifest and card; exit with 1 when it misses a gate."""
    from stressvision_training.exporting.export import export as run
    from stressvision_training.exporting.export import formats_of
    from stressvision_training.fitting.run_folder import unfinished

    try:
        manifest, gates, folder = run(run_folder, out, version, data, labels, formats_of(formats))
        early = unfinished(run_folder)
    except (ValueError, OSError, RuntimeError) as error:
        raise fail(error) from error
    if early:
        console.print(Text.assemble(("note:", "yellow"), f" {run_folder}: {early}"), highlight=False, soft_wrap=True)
    if as_json:
        print(msgspec.json.encode({"manifest": manifest, "gates": gates}).decode())
    else:
        Console(markup=False).print(gate_table(f"{folder / manifest.file}, version {manifest.version}", gates))
    if any(gate.met is False for gate in gates):
        kept = "" if folder == out else f"; {out} keeps the model that lay there"
        raise fail(ValueError(f"{folder}: a gate is not met; do not ship it{kept}"))
