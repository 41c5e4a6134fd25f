"""Reports as tables for people."""

from typing import Any

from rich.table import Table

from stressvision_training.gates import Gate
from stressvision_training.truth import RULES, SAYINGS


def report_tables(report: dict[str, Any]) -> list[Table]:
    """Return the tables of an evaluation: by part, by class, and the confusion matrix."""
    parts = Table(
        "rows and labels", "rows", "accuracy", "macro F1", "ECE", title=f"{report['model']}: {report['split']}"
    )
    named = {"all, their own labels": report}
    named |= {f"{source}, its own labels": found for source, found in report["by_source"].items()}
    named |= {SAYINGS[rule]: report[f"ferplus_{rule}"] for rule in RULES if f"ferplus_{rule}" in report}
    for name, found in named.items():
        figures = [f"{found[key]:.3f}" for key in ("accuracy", "macro_f1", "ece")]
        parts.add_row(name, str(found["rows"]), *figures)
    classes = Table("class", "rows", "precision", "recall", "F1", "AUC")
    for label, found in report["per_class"].items():
        area = "" if found["auc"] is None else f"{found['auc']:.3f}"
        figures = [f"{found[key]:.3f}" for key in ("precision", "recall", "f1")]
        classes.add_row(label, str(found["support"]), *figures, area)
    counts = Table("true \\ given", *report["per_class"])
    for label, row in zip(report["per_class"], report["confusion"], strict=True):
        counts.add_row(label, *map(str, row))
    return [parts, classes, counts, *_fatigue(report)]


def _fatigue(report: dict[str, Any]) -> list[Table]:
    if not report.get("fatigue"):
        return []
    table = Table("fatigue", "rows", "share")
    for name, found in report["fatigue"].items():
        table.add_row(name.replace("_", " "), str(found["rows"]), f"{found['share']:.3f}")
    return [table]


def gate_table(title: str, gates: list[Gate]) -> Table:
    """Return the gates of an export."""
    table = Table("gate", "figure", "bar", "met", title=title)
    for gate in gates:
        table.add_row(gate.name, f"{gate.figure:.5g}", gate.bar, "not tried" if gate.met is None else str(gate.met))
    return table


def benchmark_table(found: dict[str, Any]) -> Table:
    """Return the figures and verdicts of a benchmark."""
    title = (
        f"{found['model']}, {found['runtime']}, {found['threads']} thread(s), {found['runs']} runs, {found['machine']}"
    )
    table = Table("figure", "value", "bar", "met", title=title)
    bars = {verdict["name"]: verdict for verdict in found["verdicts"]}
    for name in ("mean_ms", "std_ms", "p50_ms", "p95_ms", "p99_ms", "fps", "size_bytes"):
        verdict = bars.get(name)
        bar = f"<= {verdict['bar']:.10g} ({verdict['what']})" if verdict else ""
        figure = f"{found[name]}" if name == "size_bytes" else f"{found[name]:.2f}"
        table.add_row(name, figure, bar, str(verdict["met"]) if verdict else "")
    return table
