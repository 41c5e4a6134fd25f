"""What a command prints: a table for people, or JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
WIDE = 200
"""Columns, where nobody looks at a terminal."""


def console() -> Console:
    return Console(width=None if sys.stdout.isatty() else WIDE)


def show(data: Any, *, as_json: bool, columns: Sequence[str] | None = None, title: str | None = None) -> None:
    """Rows as a table with `columns` (all, where none are named), one row as its fields."""
    if as_json:
        print(json.dumps(data, ensure_ascii=False, indent=2))
    elif isinstance(data, Mapping):
        _print_fields(data, title)
    else:
        _print_rows(data, columns, title)


def say(message: str, data: Any, *, as_json: bool) -> None:
    """One line for people, everything for programs."""
    if as_json:
        print(json.dumps(data, ensure_ascii=False, indent=2))
    else:
        console().print(escape(message), highlight=False, soft_wrap=True)


def _print_rows(rows: Iterable[Mapping[str, Any]], columns: Sequence[str] | None, title: str | None) -> None:
    listed = list(rows)
    if not listed:
        console().print("nothing", style="dim")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    names = columns or list(listed[0])
    for name in names:
        number = all(isinstance(row.get(name), int | float | None) for row in listed)
        table.add_column(name.replace("_", " "), justify="right" if number else "left")
    for row in listed:
        table.add_row(*(escape(_cell(row.get(name))) for name in names))
    console().print(table)


def _print_fields(row: Mapping[str, Any], title: str | None) -> None:
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column()
    for name, value in row.items():
        table.add_row(name.replace("_", " "), escape(_cell(value)))
    console().print(table)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(each) for each in value) or "–"
    if isinstance(value, dict):
        return " ".join(f"{key} {_cell(each)}" for key, each in value.items())
    if isinstance(value, float):
        return f"{value:.3g}"
    return _moment(value) if isinstance(value, str) else str(value)


def _moment(text: str) -> str:
    """A time of the service, in UTC and to the second."""
    if len(text) < 20 or text[10] != "T":
        return text
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except ValueError:
        return text
