"""`stressvision-store backup`, `restore`, `erasures` and `replay`."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from stressvision_store import backup, roles

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Ledgers = Annotated[
    list[Path] | None,
    typer.Option("--erasures", help="A file that `erasures` or `backup` wrote; repeatable, and more is never wrong."),
]


def register(app: typer.Typer) -> None:
    """Give `app` the four commands."""
    app.command("backup")(make_backup)
    for command in (restore, erasures, replay):
        app.command()(command)


def make_backup(file: Path, as_json: AsJson = False) -> None:
    """Write everything to FILE, and FILE.erasures.json beside it: what a restore must erase again."""
    with _told():
        ledger = backup.backup(_owner_url(), file)
    _say({"backup": str(file), "erasures": str(ledger)}, as_json=as_json)


def restore(
    file: Path,
    ledgers: Ledgers = None,
    without_ledger: Annotated[bool, typer.Option("--no-erasures", help="Nobody ever was erased.")] = False,
    as_json: AsJson = False,
) -> None:
    """Replace the whole database by FILE, bring it up to date, and do again what was erased and taken back since.

    Stop the services first. What that is comes from the database that is replaced, if it still is there, and from
    the files named.
    """
    with _told():
        done = backup.restore(_owner_url(), file, ledgers or [], without_ledger=without_ledger)
    _say({"restored": str(file), "erased_again": done.erased, "revoked_again": done.revoked}, as_json=as_json)


def erasures(file: Path, as_json: AsJson = False) -> None:
    """Write erasures, withdrawals and revocations to FILE. Keep the newest with the backups, on another machine."""
    with _told():
        backup.write_ledger(_owner_url(), file)
    _say({"erasures": str(file)}, as_json=as_json)


def replay(files: list[Path], as_json: AsJson = False) -> None:
    """Do again what FILES tell was erased and taken back: needed after a restore by other means."""
    with _told():
        done = backup.replay(_owner_url(), backup.read_ledgers(files))
    _say({"erased_again": done.erased, "revoked_again": done.revoked}, as_json=as_json)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (backup.BackupError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


def _owner_url() -> str:
    variable = roles.URL_VARIABLES[roles.OWNER]
    url = os.environ.get(variable)
    if not url:
        raise typer.BadParameter(f"set {variable}; `make up` writes it to .env")
    return url


def _say(result: Mapping[str, str | int], *, as_json: bool) -> None:
    typer.echo(json.dumps(result) if as_json else "\n".join(f"{key}: {value}" for key, value in result.items()))
