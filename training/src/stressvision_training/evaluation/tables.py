"""Reports as tables for people."""

from typing import Any, Final

from rich.table import Table

from stressvision_training.evaluation.truth import SAYINGS


def report_tables(report: dict[str, Any]) -> list[Table]:
    """Return the tables of an evaluation: the headline, other rules and sources, classes, confusions, and the rest."""
    return [
        _headline(report),
        _rules(report),
        *_as_company(report),
        _classes(report),
        _confusion(report),
        *_fatigue(report),
        *_votes(report),
        *_persons(report),
        *_against(report),
    ]


def _headline(report: dict[str, Any]) -> Table:
    truth, sure = report["truth"], report["intervals"]
    table = Table("figure", "value", f"{sure['level']:.0%} interval", title=f"{report['model']}: {report['split']}")
    table.add_row("judged by", truth["says"], "")
    table.add_row("rows kept", f"{truth['rows']:,} of {truth['of']:,}, {truth['share']:.1%}", "")
    table.add_row("fed", FED[report["fed"]], "")
    for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_auc", "ece"):
        if report[name] is not None:
            table.add_row(name.replace("_", " "), f"{report[name]:.3f}", _interval(sure.get(name)))
    if "ece_before_temperature" in report:
        table.add_row("ece before temperature", f"{report['ece_before_temperature']:.3f}", "")
    return table


def _rules(report: dict[str, Any]) -> Table:
    voted = [rule for rule in SAYINGS if f"ferplus_{rule}" in report]
    named = {"own": ("own, all", report["own"])}
    named |= {source: (f"own, {source}", found) for source, found in report["by_source"].items()}
    named |= {f"ferplus_{rule}": (f"FER+ {rule}", report[f"ferplus_{rule}"]) for rule in voted}
    said = "\n".join(SAYINGS[rule] for rule in voted) or None
    return _ruled("labels", named, report["intervals"]["accuracy_by"], said)


def _as_company(report: dict[str, Any]) -> list[Table]:
    """Return what `fer7` is worth when its seven emotions are summed into the company's classes."""
    found = report.get("as_company5")
    if not found:
        return []
    says = {"fer2013": "own, fer2013"} | {f"ferplus_{rule}": f"FER+ {rule}" for rule in SAYINGS}
    named = {f"{name}_as_company5": (says[name], part) for name, part in found.items()}
    return [_ruled("summed", named, report["intervals"]["accuracy_by"], "summed into the company's classes")]


def _ruled(
    first: str, named: dict[str, tuple[str, dict[str, Any]]], sure: dict[str, list[float]], caption: str | None
) -> Table:
    table = Table(caption=caption, caption_justify="left")
    for column in (first, "rows", "accuracy", "95% interval", "F1", "ECE"):
        table.add_column(column, no_wrap=True)
    for name, (says, found) in named.items():
        kept = f"{found['rows']:,} ({found['rows'] / found['of']:.0%})"
        accuracy, f1, ece = (f"{found[key]:.3f}" for key in ("accuracy", "macro_f1", "ece"))
        table.add_row(says, kept, accuracy, _interval(sure[name]), f1, ece)
    return table


def _classes(report: dict[str, Any]) -> Table:
    table = Table("class", "rows", "precision", "recall", "recall's interval", "F1", "AUC")
    for label, found in report["per_class"].items():
        area = "" if found["auc"] is None else f"{found['auc']:.3f}"
        sure = _interval(report["intervals"]["recall"].get(label))
        precision, recall, f1 = (f"{found[key]:.3f}" for key in ("precision", "recall", "f1"))
        table.add_row(label, f"{found['support']:,}", precision, recall, sure, f1, area)
    return table


def _confusion(report: dict[str, Any]) -> Table:
    worst = [f"{pair['true']} as {pair['given']} {pair['rows']}" for pair in report["most_common_errors"]]
    caption = f"most common errors: {', '.join(worst)}" if worst else None
    table = Table("true \\ given", *report["per_class"], caption=caption, caption_justify="left")
    for label, row in zip(report["per_class"], report["confusion"], strict=True):
        table.add_row(label, *map(str, row))
    return table


def _fatigue(report: dict[str, Any]) -> list[Table]:
    if not report.get("fatigue"):
        return []
    table = Table("fatigue", "rows", "share", "95% interval", title="fatigue, and where there is none")
    for name, found in report["fatigue"].items():
        sure = _interval(report["intervals"]["fatigue"][name])
        table.add_row(name.replace("_", " "), f"{found['rows']:,}", f"{found['share']:.3f}", sure)
    return [table]


def _votes(report: dict[str, Any]) -> list[Table]:
    found = report["votes"]
    if found is None:
        return []
    table = Table("against FER+'s votes", "value", title=f"{found['rows']:,} rows")
    for name, what in (
        ("cross_entropy", "cross-entropy, nats"),
        ("kl_divergence", "Kullback-Leibler divergence, nats"),
        ("brier", "Brier score"),
        ("one_voter", "agrees with one voter"),
        ("one_voter_ceiling", "the most that any model could"),
    ):
        table.add_row(what, f"{found[name]:.3f}")
    return [table]


def _persons(report: dict[str, Any]) -> list[Table]:
    found = report["persons"]
    if found is None:
        return []
    enough = f"{found['with_enough']} of {found['persons']} persons have {found['least_rows']} faces or more"
    table = Table("accuracy per person", "value", title=enough)
    if "median" not in found:
        table.add_row("too few for a spread", f"{found['least_persons']} are needed")
        return [table]
    for name, what in (("median", "median person"), ("p10", "tenth percentile"), ("worst", "worst")):
        table.add_row(what, f"{found[name]:.3f}")
    return [table]


LEAST_P: Final = 0.0001
"""Smaller ones say no more."""

FED: Final = {"grey": "grey levels of 0 to 255", "unit": "grey levels of 0 to 1", "signed": "grey levels of -1 to 1"}


def _against(report: dict[str, Any]) -> list[Table]:
    found = report.get("against")
    if found is None:
        return []
    table = Table(
        "against", "value", title=f"against {found['model']} ({found['digest'][:12]}), {found['rows']:,} rows"
    )
    table.add_row("accuracy, this and the other", f"{found['accuracy']:.3f}, {found['other_accuracy']:.3f}")
    table.add_row("difference, 95% interval", f"{found['difference']:+.4f}, {_interval(found['interval'])}")
    table.add_row("only this right, only the other", f"{found['only_this_right']}, {found['only_other_right']}")
    table.add_row("McNemar's exact p", f"{found['p_value']:.3g}" if found["p_value"] > LEAST_P else f"< {LEAST_P}")
    return [table]


def _interval(pair: list[float] | None) -> str:
    return "" if pair is None else f"{pair[0]:.3f} to {pair[1]:.3f}"


MET: Final[dict[bool | None, str]] = {True: "met", False: "NOT met", None: "not measured"}


def benchmark_table(found: dict[str, Any]) -> Table:
    """Return the figures and verdicts of a benchmark."""
    title = (
        f"{found['model']}, {found['runtime']}, {found['threads']} thread(s), {found['runs']} runs, {found['machine']}"
    )
    table = Table("figure", "value", "bar", "met", title=title)
    bars = {verdict["name"]: verdict for verdict in found["verdicts"]}
    for name in ("accuracy", "mean_ms", "std_ms", "p50_ms", "p95_ms", "p99_ms", "fps", "size_bytes"):
        verdict = bars.get(name)
        bar, met = ("", "") if verdict is None else (_bar(verdict), MET[verdict["met"]])
        table.add_row(name, _figure(name, found[name]), bar, met)
    return table


def _bar(verdict: dict[str, Any]) -> str:
    return f"{'>=' if verdict['least'] else '<='} {verdict['bar']:.10g} ({verdict['what']})"


def _figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value}" if name == "size_bytes" else f"{value:.4f}" if name == "accuracy" else f"{value:.2f}"
