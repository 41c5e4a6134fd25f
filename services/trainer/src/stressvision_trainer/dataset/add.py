"""`stressvision dataset add`: look at every picture of a folder, then send those that will do."""

import json
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from stressvision_trainer.control import Control
from stressvision_trainer.errors import ControlError
from stressvision_training.data.refusals import SourceError

FEW = 100
"""Pictures of a class below which it is warned."""
PATIENCE_S = 30.0
"""Somebody waits at a terminal."""


class Connection(Protocol):
    """What the `stressvision` command hands on."""

    @property
    def control_url(self) -> str: ...

    @property
    def bearer(self) -> str | None: ...


def add_pictures(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="neutral/ stress/ sad/ happy/ fatigue/, with JPG or PNG.")],
    site: Annotated[str, typer.Option(help="Name or id of the site that they are of.")],
    subjects: Annotated[
        Path | None, typer.Option(help="A CSV of file,subject: whom each picture shows, by pseudonym.")
    ] = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="The pictures are cut out faces: look for none in them.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at them, and send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Add company pictures. A person on them must be an employee who consents; what cannot be used is left out."""
    from stressvision_trainer.dataset.looking import Looked, UnusableError, look_at, read_subjects

    console = Console(stderr=True)
    connection: Connection = context.obj
    control = Control(connection.control_url, connection.bearer or "", patience_s=PATIENCE_S)
    left_out: list[dict[str, str]] = []
    good: list[Looked] = []
    try:
        people = read_subjects(subjects) if subjects is not None else {}
        with Progress(console=console, disable=as_json, transient=True) as progress:
            looking = progress.add_task("looking", total=None)
            for number, found in enumerate(look_at(folder, people, crop=crop), 1):
                progress.update(looking, completed=number)
                if isinstance(found, Looked):
                    good.append(found)
                else:
                    left_out.append({"file": found.file, "reason": found.reason})
            added, known = (0, 0) if dry_run else _send(control, site, good, left_out, progress)
        totals = {} if dry_run else _totals(control)
    except (UnusableError, ControlError, OSError) as error:
        console.print(f"[bold red]error[/] {error}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error
    finally:
        control.close()
    outcome = {"looked_at": len(good) + len(left_out), "added": added, "known": known, "left_out": left_out}
    warnings = _warnings(good, totals)
    if as_json:
        print(json.dumps(outcome | {"totals": totals, "warnings": warnings}, ensure_ascii=False, indent=2))
    else:
        _tell(outcome, warnings, console, dry_run=dry_run)
    if left_out and not (added or known or dry_run):
        raise typer.Exit(1)


def _send(
    control: Control, site: str, good: list[Any], left_out: list[dict[str, str]], progress: Progress
) -> tuple[int, int]:
    """How many are new there, and how many were there already; what is refused goes to `left_out`."""
    site_id = control.site_id(site)
    task = progress.add_task("sending", total=len(good))
    added = known = 0
    for picture in good:
        query = picture.query | {"site_id": site_id}
        try:
            is_new = control.add_picture(picture.digest, picture.content, query)
        except SourceError as error:  # it went, or was cut off, since it was looked at
            left_out.append({"file": picture.file, "reason": str(error)})
        except ControlError as error:
            if error.status not in (404, 409, 413, 422):
                raise
            left_out.append({"file": picture.file, "reason": str(error)})
        else:
            added, known = added + is_new, known + (not is_new)
        progress.advance(task)
    return added, known


def _totals(control: Control) -> dict[str, int]:
    """What may be learnt from now, by label, over all sites."""
    totals: dict[str, int] = {}
    for row in control.picture_counts():
        totals[row["label"]] = totals.get(row["label"], 0) + row["usable"]
    return totals


def _warnings(good: list[Any], totals: dict[str, int]) -> list[str]:
    labels = {picture.label for picture in good}
    return [
        f"only {totals[label]} pictures of {label} can be learnt from; {FEW} or more are asked"
        for label in sorted(labels)
        if totals.get(label, FEW) < FEW
    ]


def _tell(outcome: dict[str, Any], warnings: list[str], console: Console, *, dry_run: bool) -> None:
    if outcome["left_out"]:
        table = Table("file", "left out because", title="left out", title_justify="left")
        for each in outcome["left_out"]:
            table.add_row(each["file"], each["reason"])
        Console().print(table)
    for warning in warnings:
        console.print(f"[yellow]warning:[/yellow] {warning}", highlight=False)
    if dry_run:
        print(f"{outcome['looked_at'] - len(outcome['left_out'])} of {outcome['looked_at']} pictures could be added")
    else:
        print(f"{outcome['added']} pictures added, {outcome['known']} were there already")
