"""Time a model as the device runs it, one face at a time, and hold it against the client's KPIs."""

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.manifest import Manifest
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.predictor import has_manifest
from stressvision_vision.bare import BareModel, InputRange
from stressvision_vision.classifier import Classifier, Runtime

WARMUP: Final = 20
FACES: Final = 100
"""Made up, and shown again and again: what a face shows does not change what it costs."""
CLIENT_ACCURACY: Final = 0.84
CLIENT_BYTES: Final = 10_000_000
CLIENT_MS: Final = 200.0
"""The client's bar for a frame on a Raspberry Pi 5."""
X86_P50_MS: Final = 2.0
"""Our own bar for the classifier alone on one x86 core."""


def benchmark(
    model: Path,
    runs: int = 100,
    threads: int = 1,
    runtime: Runtime | None = None,
    data: Path | None = None,
    split: str = "test",
    input_range: InputRange | None = None,
) -> dict[str, Any]:
    """Return times in ms over `runs` made-up faces, frames per second, size, and a verdict for each KPI.

    The accuracy is measured on `split` of `data`, or else what the model's manifest says of its test split; `met` is
    None where neither is there. `input_range` as in `predictor.predictor`.
    """
    answer, side, used, manifest = _loaded(model, threads, runtime)
    faces = np.random.default_rng(0).integers(0, 256, (FACES, side, side), np.uint8)
    times = []
    for run in range(runs + WARMUP):
        face = faces[run % FACES]
        began = time.perf_counter()
        answer(face)
        times.append((time.perf_counter() - began) * 1000)
    ms = np.array(times[WARMUP:])
    figures: dict[str, Any] = {
        "mean_ms": float(ms.mean()),
        "std_ms": float(ms.std()),
        **{f"p{q}_ms": float(np.percentile(ms, q)) for q in (50, 95, 99)},
        "fps": float(1000 / ms.mean()),
        "size_bytes": manifest.size_bytes if manifest else model.stat().st_size,
    }
    accuracy, rests_on = _accuracy(model, manifest, data, split, input_range)
    verdicts = [
        _verdict("accuracy", accuracy, CLIENT_ACCURACY, f"client's KPI; {rests_on}", least=True),
        _verdict(
            "p95_ms",
            figures["p95_ms"],
            CLIENT_MS,
            "client's KPI, for a whole frame on a Raspberry Pi 5; this is the classifier alone, here",
        ),
        _verdict("size_bytes", figures["size_bytes"], CLIENT_BYTES, "client's KPI: 10 MB"),
        _verdict("p50_ms", figures["p50_ms"], X86_P50_MS, "ours, for the classifier alone on one x86 core"),
    ]
    asked = {"model": model.name, "version": manifest.version if manifest else None, "runs": runs, "threads": threads}
    return asked | {"runtime": used, "machine": machine(), "accuracy": accuracy, **figures, "verdicts": verdicts}


def _loaded(
    model: Path, threads: int, runtime: Runtime | None
) -> tuple[Callable[[NDArray[np.uint8]], object], int, Runtime, Manifest | None]:
    if model.suffix == ".keras":
        raise SourceError(f"{model}: is no .tflite model; `stressvision-train export` writes one of a run")
    if not has_manifest(model):
        bare = BareModel(model, runtime=runtime, num_threads=threads)
        return bare.answer, bare.side, bare.runtime, None
    classifier = Classifier(model, runtime=runtime, num_threads=threads)
    manifest = classifier.manifest
    return classifier.probabilities, manifest.input.height, classifier.runtime, manifest


def _accuracy(
    model: Path, manifest: Manifest | None, data: Path | None, split: str, input_range: InputRange | None
) -> tuple[float | None, str]:
    if data is not None:
        from stressvision_training.evaluation.evaluate import evaluate, judged_by

        report = evaluate(model, data, split, input_range=input_range).report
        return report["accuracy"], f"measured: {split}, {judged_by(report)}"
    known = manifest.scores.get("int8", {}).get("test", {}) if manifest else {}
    if "accuracy" not in known:
        return None, "not measured: give --data"
    rule = manifest.scores.get("judged_by", {}).get("test", "by a rule that it does not name") if manifest else ""
    return known["accuracy"], f"its manifest: test, {rule}"


def machine() -> str:
    """Return processor and core count, and the load at this moment, for a figure without them means little."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        lines = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = lines[0] if lines else name
    return f"{name}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def _verdict(name: str, figure: float | None, bar: float, what: str, *, least: bool = False) -> dict[str, Any]:
    met = None if figure is None else figure >= bar if least else figure <= bar
    return {"name": name, "figure": figure, "bar": bar, "least": least, "met": met, "what": what}
