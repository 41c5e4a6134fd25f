"""`make chaos`: breaks things on purpose and says what it did to the data. `python -m chaos [NAME…]` runs some only.

A scenario is a module of this folder with `run(folder) -> Iterable[Line]`; it starts its own servers under `folder`.
"""

import importlib
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from chaos.results import Line, machine, write
from native.layout import ROOT

SCENARIOS = ("parts", "spool", "swap", "rollups", "rollout")
"""Every scenario, in the order they run."""


def main() -> int:
    wanted = sys.argv[1:] or SCENARIOS
    unknown = sorted(set(wanted) - set(SCENARIOS))
    if unknown:
        print(f"error: no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    lines: list[Line] = []
    for name in wanted:
        print(f"{name} …", flush=True)
        lines += _run(name)
    _show(lines)
    write(lines, ROOT / ".stack" / "chaos.json")
    return 0 if all(line.met for line in lines) else 1


def _run(name: str) -> list[Line]:
    """A scenario's lines; one that breaks down is itself a line that is not met."""
    folder = Path(tempfile.mkdtemp(prefix=f"stressvision-chaos-{name}-"))
    folder.chmod(0o755)
    started, found = time.monotonic(), []
    try:
        run: Iterable[Line] = importlib.import_module(f"chaos.{name}").run(folder)
        for line in run:
            print(f"  {line.name}: {line.figure}", flush=True)
            found.append(line)
    except Exception as error:  # noqa: BLE001 - the others still run
        traceback.print_exc()
        found.append(Line(f"{name} runs to its end", f"{type(error).__name__}: {error}"[:200], "no error", met=False))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return found


def _show(lines: list[Line]) -> None:
    table = Table("what", "figure", "bar", "met", title="Chaos", caption=machine())
    for line in lines:
        table.add_row(line.name, line.figure, line.bar, "yes" if line.met else "[red]no")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
