"""Results as data: a line per judged model, split and source of labels, appended to a CSV that is committed."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.truth import RULES, SAYINGS

COLUMNS: Final = (
    "day",
    "model",
    "digest",
    "data",
    "split",
    "labels",
    "rows",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "macro_f1",
    "ece",
    "recall_sad",
    "fatigue_recall",
    "fatigue_false_on_fer2013",
    "fatigue_false_on_alert_controls",
    "fatigue_balanced_against_alert",
)


def append(path: Path, report: dict[str, Any]) -> None:
    """Append the parts of an evaluation to the CSV at `path`, the headline first, with a header where it is new.

    `accuracy_low` and `accuracy_high` are the ends of the 95 % interval. `SourceError` as `check`.
    """
    sure = report["intervals"]
    parts = {report["truth"]["says"]: (report, sure["accuracy"])}
    parts["all, own labels"] = (report["own"], sure["accuracy_by"]["own"])
    for source, found in report["by_source"].items():
        parts[f"{source}, own labels"] = (found, sure["accuracy_by"][source])
    for rule in RULES:
        if f"ferplus_{rule}" in report:
            parts[f"fer2013, {SAYINGS[rule]}"] = (report[f"ferplus_{rule}"], sure["accuracy_by"][f"ferplus_{rule}"])
    for name, found in report.get("as_company5", {}).items():
        labels = f"fer2013, {SAYINGS.get(name.removeprefix('ferplus_'), 'own labels')}, summed into company5"
        parts[labels] = (found, sure["accuracy_by"][f"{name}_as_company5"])
    fatigue = {f"fatigue_{name}": f"{found['share']:.4f}" for name, found in report.get("fatigue", {}).items()}
    common = {
        "day": datetime.now(UTC).date().isoformat(),
        "model": report["model"],
        "digest": report["digest"][:12],
        "data": report["data"]["index.csv"][:12],
        "split": report["split"],
    }
    check(path)
    new = not path.exists()
    ended = new or path.read_bytes().endswith(b"\n")
    with path.open("a", newline="", encoding="utf-8") as file:
        file.write("" if ended else "\n")
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        if new:
            writer.writeheader()
        for labels, (found, (low, high)) in parts.items():
            figures = {name: f"{found[name]:.4f}" for name in ("accuracy", "macro_f1", "ece")}
            sad = found["per_class"]["sad"]
            figures["recall_sad"] = f"{sad['recall']:.4f}" if sad["support"] else ""
            ends = {"accuracy_low": f"{low:.4f}", "accuracy_high": f"{high:.4f}"}
            whole = fatigue if found is report else {}
            writer.writerow(common | {"labels": labels, "rows": found["rows"]} | figures | ends | whole)


def check(path: Path) -> None:
    """Raise `SourceError` when the CSV at `path` has other columns than are appended; there may be none yet."""
    if not path.exists():
        return
    with path.open(newline="", encoding="utf-8") as file:
        found = next(csv.reader(file), [])
    if found != list(COLUMNS):
        raise SourceError(f"{path}:1: has the columns {', '.join(found)}; {', '.join(COLUMNS)} are needed")
