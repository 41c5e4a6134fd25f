"""One line of the table that `make chaos` prints and keeps in .stack/chaos.json: what happened, against what must."""

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """`figure` was found, `bar` is what the design asks for, both in words with their unit."""

    name: str
    figure: str
    bar: str
    met: bool


def machine() -> str:
    """What the figures were taken on."""
    names = [line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")]
    memory = next((line.split()[1] for line in _read("/proc/meminfo") if line.startswith("MemTotal")), "0")
    cpu = names[0] if names else platform.processor() or "unknown processor"
    return f"{os.cpu_count()} × {cpu}, {int(memory) / 2**20:.0f} GiB, {platform.system()} {platform.release()}"


def _read(file: str) -> list[str]:
    try:
        return Path(file).read_text().splitlines()
    except OSError:
        return []


def write(lines: list[Line], file: Path) -> None:
    """A JSON list with an entry a line; each names the machine."""
    file.parent.mkdir(parents=True, exist_ok=True)
    entries = [{**asdict(line), "machine": machine()} for line in lines]
    file.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
