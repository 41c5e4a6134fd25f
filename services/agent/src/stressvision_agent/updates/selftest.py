"""A process of its own that loads a model and tries it on drawn faces; what it does to the interpreter stays in it.

`python -m stressvision_agent.updates.selftest FOLDER THREADS [DELEGATE]` prints one JSON object.
"""

import resource
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from stressvision_vision.classifier import Classifier, ModelError, OutputError
from stressvision_vision.crops import drawn_crops

ROUNDS: Final = 3
PATIENCE_S: Final = 2.0
"""A model that needs so long for one round is judged by it."""

SAME: Final = 0.01
"""A model whose probabilities move by less over all crops looks at none of them."""

MEMORY_BYTES: Final = 192 << 20
"""Of data: what the unit leaves beside the agent. The shipped model takes 44 MB of it, the interpreter's included."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """`fault` says in words what is wrong with the model, None when nothing is; `p95_s` is of its best round."""

    fault: str | None = None
    p95_s: float | None = None


def examine(folder: Path, threads: int = 1, delegate: Path | None = None) -> Findings:
    """Load the model in `folder` and try it on every crop, `ROUNDS` times."""
    try:
        classifier = Classifier(folder, num_threads=threads, delegate=delegate)
    except ModelError as error:
        return Findings(fault=str(error).replace(f"{folder}/", ""))
    crops = drawn_crops(classifier.manifest.input)
    best_s = float("inf")
    for _ in range(ROUNDS):
        answers, taken_s = [], []
        for crop in crops:
            started_s = time.perf_counter()
            try:
                answers.append(classifier.probabilities(crop))
            except OutputError:
                return Findings(fault="its output for a stored crop is no probability distribution")
            taken_s.append(time.perf_counter() - started_s)
        best_s = min(best_s, sorted(taken_s)[int(0.95 * (len(taken_s) - 1))])
        if sum(taken_s) > PATIENCE_S:
            break
    if float(np.ptp(np.stack(answers), axis=0).max()) < SAME:
        return Findings(fault="it gives the same answer for every stored crop", p95_s=best_s)
    return Findings(p95_s=best_s)


def main() -> None:
    folder, threads, *delegate = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    # where memory runs out all the same, it is this process that goes
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    findings = examine(Path(folder), int(threads), Path(delegate[0]) if delegate else None)
    print(msgspec.json.encode(findings).decode())


if __name__ == "__main__":
    main()
