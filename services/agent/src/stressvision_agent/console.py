"""What commands say: facts in a table or as JSON, a fault in one line."""

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from rich.console import Console
from rich.table import Column, Table

from stressvision_agent.client import RefusedError
from stressvision_agent.identity import IdentityError
from stressvision_agent.spool_file import SpoolBusyError


@contextmanager
def said_plainly() -> Iterator[None]:
    """Faults that a person can mend end the program with one line, not a traceback."""
    try:
        yield
    except (IdentityError, RefusedError, SpoolBusyError, ValueError) as error:
        fail(str(error))
    except (OSError, sqlite3.Error) as error:
        fail(f"{type(error).__name__}: {error}")


def fail(message: str) -> None:
    print(f"stressvision-agent: {message}", file=sys.stderr)
    raise typer.Exit(1)


def show(facts: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(facts, default=str))
        return
    table = Table.grid(Column(), Column(overflow="fold"), padding=(0, 2))
    for name, value in facts.items():
        table.add_row(name.replace("_", " "), _in_words(value))
    Console().print(table)


def _in_words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "-" if value is None else str(value)
