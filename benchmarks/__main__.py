"""`make bench`, or `python -m benchmarks ingest agent` for some parts only."""

import importlib
import importlib.util
import sys
import traceback

from benchmarks.results import ROOT, Entry, show, sum_up, write

PARTS = ("ingest", "rollups", "alerts", "dashboards", "privacy", "agent")
"""Modules of this folder with a `run() -> list[Entry]`. One that is not there is left out, and said so."""


def measure(part: str) -> list[Entry]:
    """What the part measured, or one unmet line that says why it could not."""
    if importlib.util.find_spec(f"benchmarks.{part}") is None:
        return [{"name": "not in this checkout", "figure": "", "bar": "", "met": None}]
    print(f"measuring: {part}", file=sys.stderr)
    try:
        lines: list[Entry] = importlib.import_module(f"benchmarks.{part}").run()
    except Exception as error:  # noqa: BLE001 - one part that fails must not hide the others
        traceback.print_exc()
        return [{"name": "could not be measured", "figure": "", "bar": "", "met": False, "note": repr(error)[:200]}]
    return lines


def main() -> int:
    wanted = sys.argv[1:] or list(PARTS)
    unknown = set(wanted) - set(PARTS)
    if unknown:
        print(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    measured = []
    for part in wanted:
        lines = measure(part)
        write(part, lines)  # what was measured is kept, whatever becomes of the next part
        show(part, lines)
        measured += lines
    sum_up(measured)
    return int(any(line["name"] == "could not be measured" for line in measured))


if __name__ == "__main__":
    for folder in ("infra", "tests"):  # what starts servers for tests starts them here
        sys.path.insert(0, str(ROOT / folder))
    sys.exit(main())
