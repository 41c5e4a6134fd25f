"""Time a model as the device runs it: one face at a time, through its classifier."""

import os
import platform
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from stressvision_training.gates import SIZE_BYTES
from stressvision_vision.classifier import Classifier, Runtime

WARMUP: Final = 20
CLIENT_MS: Final = 200.0
"""The client's bar for a frame on a Raspberry Pi 5."""
X86_P50_MS: Final = 3.0
"""Our own bar for the classifier alone on one x86 core."""


def benchmark(model: Path, runs: int = 100, threads: int = 1, runtime: Runtime | None = None) -> dict[str, Any]:
    """Return times in ms over `runs` made-up faces, frames per second, size, and the verdicts on them."""
    classifier = Classifier(model, runtime=runtime, num_threads=threads)
    spec = classifier.manifest.input
    faces = np.random.default_rng(0).integers(0, 256, (runs + WARMUP, spec.height, spec.width), np.uint8)
    times = []
    for face in faces:
        began = time.perf_counter()
        classifier.probabilities(face)
        times.append((time.perf_counter() - began) * 1000)
    ms = np.array(times[WARMUP:])
    figures: dict[str, Any] = {
        "mean_ms": float(ms.mean()),
        "std_ms": float(ms.std()),
        **{f"p{q}_ms": float(np.percentile(ms, q)) for q in (50, 95, 99)},
        "fps": float(1000 / ms.mean()),
        "size_bytes": classifier.manifest.size_bytes,
    }
    verdicts = [
        _verdict("p95_ms", figures["p95_ms"], CLIENT_MS, "client: 200 ms a frame on a Raspberry Pi 5"),
        _verdict("p50_ms", figures["p50_ms"], X86_P50_MS, "classifier alone on one x86 core"),
        _verdict("size_bytes", figures["size_bytes"], SIZE_BYTES, "10 MB"),
    ]
    asked = {"model": model.name, "version": classifier.manifest.version, "runs": runs, "threads": threads}
    return asked | {"runtime": classifier.runtime, "machine": machine(), **figures, "verdicts": verdicts}


def machine() -> str:
    """Return processor and core count, and the load at this moment, for a figure without them means little."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = lines[0] if lines else name
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def _verdict(name: str, figure: float, bar: float, what: str) -> dict[str, Any]:
    return {"name": name, "figure": figure, "bar": bar, "met": figure <= bar, "what": what}
