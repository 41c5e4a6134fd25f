"""Results as data: a line per judged model, split and source of labels, appended to a CSV that is committed."""

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

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
    "macro_f1",
    "ece",
    "fatigue_recall",
    "fatigue_false_on_fer2013",
    "fatigue_false_on_alert_controls",
)


def append(path: Path, report: dict[str, Any]) -> None:
    """Append the parts of an evaluation to the CSV at `path`, with a header where it is new."""
    parts = {"all, own labels": report["own"]}
    parts |= {f"{source}, own labels": found for source, found in report["by_source"].items()}
    parts |= {f"fer2013, {SAYINGS[rule]}": report[f"ferplus_{rule}"] for rule in RULES if f"ferplus_{rule}" in report}
    fatigue = {f"fatigue_{name}": f"{found['share']:.4f}" for name, found in report.get("fatigue", {}).items()}
    common = {
        "day": datetime.now(UTC).date().isoformat(),
        "model": report["model"],
        "digest": report["digest"][:12],
        "data": report["data"]["index.csv"][:12],
        "split": report["split"],
    }
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", extrasaction="ignore")
        if new:
            writer.writeheader()
        for labels, found in parts.items():
            figures = {name: f"{found[name]:.4f}" for name in ("accuracy", "macro_f1", "ece")}
            whole = fatigue if found is report["own"] else {}
            writer.writerow(common | {"labels": labels, "rows": found["rows"]} | figures | whole)
