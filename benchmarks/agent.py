"""What seeing costs on one core: the classifier, the whole loop, its memory, and how soon a stall is known."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODEL = ROOT / "models/stressvision"

CLASSIFIER_MS = 3.0
FRAMES_PER_SECOND = 15.0
RESIDENT_MB = 150.0
GROWTH_MB = 3.0
STALL_S = 5.0


def run() -> list[dict[str, Any]]:
    """One entry for each figure, each measured in a new process bound to one core, on the demo's clip."""
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.avi"
        subprocess.run([sys.executable, ROOT / "infra/demo/clip.py", clip], check=True, stdout=subprocess.DEVNULL)
        classifier = _measure("classifier", clip)
        loop = _measure("loop", clip)
        memory = _measure("memory", clip)
        stall = _measure("stall", clip)
    growth = memory["last"] - memory["warm"]
    return [
        _entry("classifier p50, crop included", f"{classifier['p50_ms']:.2f} ms", f"≤ {CLASSIFIER_MS:g} ms",
               classifier["p50_ms"] <= CLASSIFIER_MS),
        _entry(
            "whole loop at 640x480 on one core",
            f"{loop['per_second']:.0f} frames/s ({loop['per_cpu_second']:.0f} a second of CPU)",
            f"≥ {FRAMES_PER_SECOND:g} frames/s",
            loop["per_second"] >= FRAMES_PER_SECOND,
        ),
        _entry("agent's resident memory, peak", f"{memory['peak']:.0f} MB", f"≤ {RESIDENT_MB:g} MB",
               memory["peak"] <= RESIDENT_MB),
        _entry("its growth from frame 2,000 to 10,000", f"{growth:+.1f} MB", f"< {GROWTH_MB:g} MB", growth < GROWTH_MB),
        _entry("a hanging camera is noticed after", f"{stall['noticed_s']:.1f} s", f"≤ {STALL_S:g} s",
               stall["noticed_s"] <= STALL_S),
    ]  # fmt: skip


def _measure(what: str, clip: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.agent_process", what, str(clip), str(MODEL)]
    done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _entry(name: str, figure: str, bar: str, met: bool) -> dict[str, Any]:
    return {"name": name, "figure": figure, "bar": bar, "met": met}
