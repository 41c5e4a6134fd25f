"""`prepare`: sources into one data folder."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from stressvision_contracts.labels import LabelScheme
from stressvision_training.cli.shared import Json, console, fail
from stressvision_training.data.rows import SourceError


def prepare(
    out: Annotated[Path, typer.Option(help="The data folder to write.")],
    fer2013: Annotated[
        Path | None, typer.Option(help="fer2013.csv, the folder of train/ and test/, or an .npz of both.")
    ] = None,
    ferplus: Annotated[Path | None, typer.Option(help="FER+'s fer2013new.csv.")] = None,
    custom: Annotated[
        Path | None, typer.Option(help="Company pictures: manifest.csv and face crops, or a folder per label.")
    ] = None,
    labels: Annotated[LabelScheme, typer.Option(help="What the model will tell apart.")] = "company5",
    crop: Annotated[
        bool | None,
        typer.Option("--crop/--find", help="Company pictures are face crops, or the face in each is to be found."),
    ] = None,
    size: Annotated[
        int, typer.Option(min=48, max=512, help="Keep company faces up to this side; FER-2013's are 48.")
    ] = 48,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave bad input out, counted by reason.")] = False,
    drop_near: Annotated[
        bool, typer.Option("--drop-near", help="Train on no near-duplicate of a test picture.")
    ] = False,
    target_per_class: Annotated[
        int | None, typer.Option(min=1, help="Fill classes with fewer training rows up with varied copies.")
    ] = None,
    validation_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Of FER-2013's Training, to choose and calibrate with.")
    ] = 0.1,
    splits: Annotated[Path | None, typer.Option(help="The index.csv of an earlier `prepare`; its splits stay.")] = None,
    custom_licence: Annotated[str | None, typer.Option(help="Said of the company pictures in metadata.json.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Deals the splits.")] = 2013,
    sheets: Annotated[
        Path | None, typer.Option(help="Write plots and sheets of faces here; keep them private.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read FER-2013, FER+ votes and company pictures into one folder with frozen splits."""
    from stressvision_training.data.prepare import CUSTOM_LICENCE, Preparation
    from stressvision_training.data.prepare import prepare as run

    wish = Preparation(
        fer2013=fer2013,
        ferplus=ferplus,
        custom=custom,
        scheme=labels,
        seed=seed,
        size=size,
        crop=crop,
        skip_bad=skip_bad,
        drop_near=drop_near,
        validation=validation_share,
        target_per_class=target_per_class,
        frozen=splits,
        custom_licence=custom_licence or CUSTOM_LICENCE,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console, disable=as_json, transient=True) as progress:
            task = progress.add_task("starting", total=None)

            def tick(stage: str, done: int, total: int) -> None:
                progress.update(task, description=stage, completed=done, total=total or None)

            metadata = run(wish, out, tick)
            if sheets is not None:
                from stressvision_training.data.sheets import write_sheets

                tick("drawing sheets", 0, 0)
                write_sheets(out, sheets, seed)
    except (SourceError, OSError) as error:
        raise fail(error) from error
    if as_json:
        print(json.dumps(metadata))
    else:
        _tell(metadata, out)


def _tell(metadata: dict[str, Any], out: Path) -> None:
    table = Table("split", "source", "label", "rows", title=f"{metadata['rows']} faces in {out}")
    for count in metadata["counts"]:
        table.add_row(count["split"], count["source"], count["label"], str(count["rows"]))
    Console(markup=False).print(table)
    for what in ("dropped", "augmented"):
        for reason, number in metadata.get(what, {}).items():
            console.print(f"{what}: {number} {reason}", highlight=False)
    for reason, number in metadata["skipped"]["counts"].items():
        console.print(f"skipped: {number} {reason}; {metadata['skipped']['examples'][reason][0]}", highlight=False)
    for warning in metadata["warnings"]:
        console.print(Text.assemble(("note:", "yellow"), f" {warning}"), highlight=False)
