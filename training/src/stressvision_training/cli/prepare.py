"""`prepare`: sources into one data folder."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stressvision_training.cli.shared import Json, fail
from stressvision_training.rows import SourceError


class Labels(StrEnum):
    """The label schemes, as an option's choices."""

    COMPANY5 = "company5"
    FER7 = "fer7"


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
        raise fail(error) from error
    if as_json:
        print(json.dumps(card))
        return
    table = Table("split", "source", "label", "rows", title=f"{card['rows']} faces in {out}")
    for count in card["counts"]:
        table.add_row(count["split"], count["source"], count["label"], str(count["rows"]))
    Console().print(table)
