"""`python -m native up|down|status|logs|psql|servers`: what the Makefile calls where no container engine answers."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from native.binaries import MissingProgramError, find_postgres
from native.dotenv import DotenvError
from native.layout import ROOT, Layout
from native.stack import StackError, down, follow_logs, say, status, up
from native.system import ensure_servers


def main() -> int:
    parser = argparse.ArgumentParser(prog="native", description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / ".stack", help="where the stack keeps its state")
    parser.add_argument("--env", type=Path, default=ROOT / ".env", help="its settings")
    parser.add_argument("verb", choices=["up", "down", "status", "logs", "psql", "servers"])
    parser.add_argument("--purge", action="store_true", help="with down: remove all data")
    parser.add_argument("part", nargs="?", help="with logs: whose")
    arguments = parser.parse_args()
    layout = Layout(arguments.folder.resolve(), arguments.env.resolve())
    try:
        return _do(layout, arguments.verb, purge=arguments.purge, part=arguments.part)
    except (
        StackError,
        MissingProgramError,
        DotenvError,
        RuntimeError,
        OSError,
        subprocess.CalledProcessError,
    ) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1


def _do(layout: Layout, verb: str, *, purge: bool, part: str | None) -> int:
    if verb == "up":
        up(layout)
    elif verb == "down":
        down(layout, purge=purge)
    elif verb == "status":
        return status(layout)
    elif verb == "logs":
        follow_logs(layout, part)
    elif verb == "servers":
        ensure_servers(say)
    else:
        _become_psql(layout)
    return 0


def _become_psql(layout: Layout) -> None:
    """psql as the owner; the password travels in the environment, where `ps` does not show it."""
    program = str(find_postgres(layout.postgres_data) / "psql")
    environment = {**os.environ, "PGPASSWORD": layout.database.password or ""}
    command = [program, "-h", "127.0.0.1", "-p", str(layout.database.port), "-U", str(layout.database.username)]
    os.execvpe(program, [*command, layout.database.path.lstrip("/")], environment)


if __name__ == "__main__":
    sys.exit(main())
