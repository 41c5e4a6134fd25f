"""A child process: export a run, judge it on the test split, time it, and write what is to be published.

    python -m stressvision_trainer.judging RUN --data DIR --out DIR --version V [--champion DIR] [--runs N]

Prints `{"stage": …}` as it goes, and at the end `{"judged": …}`. No report shows a face.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path
from typing import Any, Final

import msgspec

from stressvision_trainer.gates import Verdict, verdicts
from stressvision_trainer.report import write_page
from stressvision_training.collector import spare_imports
from stressvision_training.data.dataset import read_metadata
from stressvision_training.evaluation.benchmark import benchmark
from stressvision_training.evaluation.evaluate import Evaluation, evaluate
from stressvision_training.evaluation.figures import write_figures
from stressvision_training.exporting.export import export
from stressvision_training.exporting.gates import Gate
from stressvision_training.fitting.run_folder import CURVES, RECIPE, history_of
from stressvision_vision.classifier import MANIFEST_NAME

FIGURES: Final = ("confusion.png", "per_class.png", "reliability.png")
"""Those without faces."""
REPORTS: Final = "report"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    for name in ("--data", "--out", "--champion"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--version")
    parser.add_argument("--runs", type=int, default=100)
    asked = parser.parse_args()
    spare_imports()
    try:
        judged = judge(asked.run, asked.data, asked.out, asked.version, asked.champion, asked.runs)
    except (ValueError, OSError, RuntimeError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    print(json.dumps({"judged": judged}), flush=True)
    return 0


def judge(run: Path, data: Path, out: Path, version: str, champion: Path | None, runs: int) -> dict[str, Any]:
    """Write the model folder `out` with its reports under `report/`; return the figures and the gates not met."""
    shutil.rmtree(out, ignore_errors=True)
    _say("export")
    gates = export(run, out, version, data).gates
    _say("evaluate")
    found = evaluate(out, data, "test", against=champion)
    theirs = evaluate(champion, data, "test").report if champion is not None else None
    _say("benchmark")
    times = benchmark(out, runs)
    conditions = [_of(gate) for gate in gates] + verdicts(found.report, theirs, times)
    unmet = [
        f"{each.name}: {_short(each.figure)} where {each.bar} is asked" for each in conditions if each.met is False
    ]
    untried = [f"{each.name}: {_short(each.figure)}, {each.bar} is asked" for each in conditions if each.met is None]
    _admit(out / MANIFEST_NAME, unmet, untried)
    _say("report")
    _write(run, data, out, version, found, theirs, times, conditions)
    names = ("accuracy", "macro_f1", "ece")
    return {"unmet_gates": unmet, "untried_gates": untried} | {f"test_{name}": found.report[name] for name in names}


def _say(stage: str) -> None:
    print(json.dumps({"stage": stage}), flush=True)


def _of(gate: Gate) -> Verdict:
    return Verdict(name=gate.name, figure=gate.figure if gate.met is not None else None, bar=gate.bar, met=gate.met)


def _short(figure: float | None) -> str:
    return "nothing" if figure is None else f"{figure:.4g}"


def _admit(path: Path, unmet: list[str], untried: list[str]) -> None:
    """Say in the manifest which gates are not met: approval then asks for two people who override them.

    And which were not tried, for want of faces: whoever approves is told.
    """
    manifest = json.loads(path.read_bytes())
    manifest["scores"] |= {"unmet_gates": unmet, "untried_gates": untried}
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def _write(
    run: Path,
    data: Path,
    out: Path,
    version: str,
    found: Evaluation,
    theirs: dict[str, Any] | None,
    times: dict[str, Any],
    conditions: list[Verdict],
) -> None:
    folder = out / REPORTS
    write_figures(folder, found)
    for path in folder.iterdir():
        if path.name not in FIGURES:
            path.unlink()
    if (run / CURVES).is_file():
        shutil.copyfile(run / CURVES, folder / CURVES)
    facts = {
        "version": version,
        "report": found.report,
        "champion": theirs,
        "times": times,
        "conditions": [msgspec.structs.asdict(each) for each in conditions],
        "counts": read_metadata(data)["counts"],
        "warnings": read_metadata(data)["warnings"],
        "recipe": (run / RECIPE).read_text(encoding="utf-8"),
        "epochs": len(history_of(run)),
    }
    (folder / "evaluation.json").write_text(json.dumps({"test": found.report, "model_in_use": theirs}, indent=1) + "\n")
    (folder / "benchmark.json").write_text(json.dumps(times, indent=1) + "\n")
    (folder / "gates.json").write_text(json.dumps(facts["conditions"], indent=1) + "\n")
    pictures = [path for path in (folder / CURVES, *(folder / name for name in FIGURES)) if path.is_file()]
    write_page(folder / "report.html", facts, pictures)


if __name__ == "__main__":
    sys.exit(main())
