"""Reports about groups: of a shift, of a week, and as CSV."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from stressvision_control.cli.client import Api, fail, open_api
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_store.languages import Language

reports = typer.Typer(no_args_is_help=True, help="Reports about groups of five people or more, in Spanish or English.")


OutOption = Annotated[Path, typer.Option("--out", help="Where to write it: .html or .pdf says which.")]
LanguageOption = Annotated[Language, typer.Option("--lang", help="Of the report.")]


@reports.command("shift")
def shift_report(
    context: typer.Context,
    site: str,
    shift: str,
    date: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="On which the shift began.")],
    out: OutOption,
    language: LanguageOption = "es",
    as_json: JsonOption = False,
) -> None:
    """Make the report of one shift that is over."""
    api = open_api(context, as_json=as_json)
    site_id = api.site(site)
    wanted = {"site_id": site_id, "shift_id": api.shift(shift, site_id), "date": f"{date:%Y-%m-%d}"}
    _write(api, "/v1/reports/shift", wanted, language, out, as_json=as_json)


@reports.command("week")
def week_report(
    context: typer.Context,
    site: str,
    week: Annotated[str, typer.Argument(help="ISO week, as 2026-W47.")],
    out: OutOption,
    language: LanguageOption = "es",
    as_json: JsonOption = False,
) -> None:
    """Make the weekly report of a site."""
    api = open_api(context, as_json=as_json)
    _write(api, "/v1/reports/week", {"site_id": api.site(site), "week": week}, language, out, as_json=as_json)


@reports.command("csv")
def export_cells(
    context: typer.Context,
    site: str,
    first: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"])],
    last: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="Included.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where to write it; else it is printed.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Export the cells area × shift × day that may be published."""
    api = open_api(context, as_json=as_json)
    days = {"first_date": f"{first:%Y-%m-%d}", "last_date": f"{last:%Y-%m-%d}"}
    table = api.get_text("/v1/reports/cells", site_id=api.site(site), **days)
    if out is None:
        print(table, end="")
        return
    out.write_text(table, encoding="utf-8")
    lines = table.count("\n") - 1
    say(f"{lines} cells are in {out}", {"file": str(out), "cells": lines}, as_json=as_json)


@reports.command("list")
def list_reports(
    context: typer.Context,
    site: Annotated[str | None, typer.Option(help="Only of this site.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the reports that were made on schedule."""
    api = open_api(context, as_json=as_json)
    page = api.get("/v1/reports", site_id=api.site(site) if site is not None else None)
    show(page["items"], as_json=as_json)


@reports.command("fetch")
def fetch_report(context: typer.Context, report_id: int, out: Path, as_json: JsonOption = False) -> None:
    """Write a report that was made on schedule to a file."""
    content = open_api(context, as_json=as_json).get_bytes(f"/v1/reports/{report_id}")
    out.write_bytes(content)
    say(f"report {report_id} is in {out}", {"file": str(out), "bytes": len(content)}, as_json=as_json)


def _write(api: Api, path: str, wanted: dict[str, Any], language: Language, out: Path, *, as_json: bool) -> None:
    kind = out.suffix.lower().removeprefix(".")
    if kind not in {"html", "pdf"}:
        fail(f"{out} ends neither in .html nor in .pdf", 2)
    content = api.get_bytes(path, **wanted, language=language, format=kind)
    out.write_bytes(content)
    say(f"the report is in {out}", {"file": str(out), "bytes": len(content)}, as_json=as_json)
