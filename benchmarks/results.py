"""What was measured, against which bar: a table for people, `.stack/bench.json` for machines."""

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / ".stack" / "bench.json"

Entry = dict[str, Any]


def entry(name: str, figure: float, relation: Literal["≥", "≤"], bar: float, unit: str = "", note: str = "") -> Entry:
    """One line of the table: `met` says whether `figure` lies on the right side of `bar`."""
    met = figure >= bar if relation == "≥" else figure <= bar
    return {
        "name": name,
        "figure": round(figure, 4),
        "bar": f"{relation} {bar:g}",
        "met": met,
        "unit": unit,
        "note": note,
    }


def shown(name: str, figure: float, unit: str, note: str = "") -> Entry:
    """A figure without a bar, for the reader's judgement."""
    return {"name": name, "figure": round(figure, 4), "bar": "", "met": None, "unit": unit, "note": note}


def machine() -> dict[str, Any]:
    """Where and under which load the figures come from; without that they say nothing."""
    models = [line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((int(line.split()[1]) for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), 0)
    return {
        "processor": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(memory / 2**20, 1),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load": [round(load, 2) for load in os.getloadavg()],
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _lines(path: str) -> list[str]:
    file = Path(path)
    return file.read_text().splitlines() if file.exists() else []


def write(part: str, lines: list[Entry]) -> None:
    """A JSON list with an entry a line, into the file, beside what other parts measured before."""
    known: list[Entry] = json.loads(FILE.read_text()) if FILE.exists() else []
    where = machine()
    fresh = [{"part": part, **line, "machine": where} for line in lines]
    kept = [line for line in known if line["part"] != part]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps([*kept, *fresh], indent=1, ensure_ascii=False) + "\n")


def show(part: str, lines: list[Entry]) -> None:
    table = Table(part, "figure", "bar", "met", "note")
    for line in lines:
        met = {True: "[green]yes[/]", False: "[red]NO[/]", None: ""}[line["met"]]
        is_number = isinstance(line["figure"], float | int)
        figure = f"{line['figure']:g} {line.get('unit', '')}" if is_number else line["figure"]
        table.add_row(line["name"], figure, str(line["bar"]), met, line.get("note", ""))
    Console().print(table)


def sum_up(lines: Iterable[Entry]) -> None:
    """Say on which machine all this was, and how many bars were met."""
    where = machine()
    console = Console()
    console.print(
        f"{where['processor']}, {where['cores']} cores, {where['memory_gib']} GiB, {where['system']}, "
        f"Python {where['python']}; load {where['load'][0]:g} at the end"
    )
    console.print(_verdict(lines))


def _verdict(lines: Iterable[Entry]) -> str:
    judged = [line for line in lines if line["met"] is not None]
    missed = [line["name"] for line in judged if not line["met"]]
    return f"{len(judged) - len(missed)} of {len(judged)} bars met" + (
        f"; not met: {', '.join(missed)}" if missed else ""
    )
