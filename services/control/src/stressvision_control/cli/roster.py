"""The roster as one CSV file."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from stressvision_control.cli.client import REFUSED, Row, fail, open_api
from stressvision_control.cli.output import JsonOption, console, show
from stressvision_control.cli.places import SiteFilter

roster = typer.Typer(no_args_is_help=True, help="Who works where and when, as one CSV file, in and out.")


@roster.command("import")
def import_roster(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The CSV file, or - for standard input.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a roster: all of it, or nothing where a line is bad."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        fail(f"{file} cannot be read: {error.strerror}", 2)
    answer = open_api(context, as_json=as_json).upload("/v1/roster", data, dry_run=dry_run)
    report: Row = answer.json()
    bad = report.get("bad") or report.get("errors") or []
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        _print_report(report, bad)
    if bad or not answer.is_success:
        raise typer.Exit(REFUSED)


@roster.command("export")
def export_roster(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="Where to; default: standard output.")] = None,
    site: SiteFilter = None,
    as_json: JsonOption = False,
) -> None:
    """Export the roster in the form in which it is imported; with --json, the CSV text as one string."""
    api = open_api(context, as_json=as_json)
    text = api.get_text("/v1/roster", site_id=api.site(site) if site else None)
    if file is not None:
        file.write_bytes(text.encode("utf-8-sig"))
    if as_json:
        print(json.dumps({"csv": text} if file is None else {"file": str(file)}, ensure_ascii=False))
    elif file is None:
        sys.stdout.write(text)


def _print_report(report: Row, bad: list[Row]) -> None:
    if bad:
        rows = [row | {"column": row.get("column", row.get("field"))} for row in bad]
        show(rows, as_json=False, columns=("line", "column", "value", "message"), title="Lines to mend")
    changes = report.get("changes", [])
    if changes:
        done = "Done" if report["applied"] else "Would be done"
        show(changes, as_json=False, columns=("line", "action", "noun", "what"), title=done)
    if not bad:
        verb = "imported" if report["applied"] else "read"
        console().print(f"{report['lines']} lines {verb}, {len(changes)} changes", highlight=False)
    elif "lines" not in report:
        console().print(report.get("detail", ""), style="red", highlight=False)
