"""Judge a model on one split, saying for every figure which rows and whose labels it rests on."""

import platform
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5, LABELS, LabelScheme
from stressvision_training.classes import ALERT
from stressvision_training.dataset import Dataset, read_dataset
from stressvision_training.intervals import intervals, weighted_interval
from stressvision_training.metrics import calibration_error, scores
from stressvision_training.opinions import against_votes
from stressvision_training.paired import compared
from stressvision_training.persons import spread
from stressvision_training.predictor import predictor
from stressvision_training.rows import SourceError
from stressvision_training.truth import RULES, SAYINGS, Truth, headline_rule, own, truth_for
from stressvision_vision.classifier import soften

Probabilities = NDArray[np.float32]


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """A report and what figures are drawn from: n x labels, and n true labels by the headline's rule, -1 for none."""

    report: dict[str, Any]
    data: Dataset
    probabilities: Probabilities
    truth: Truth
    temperature: float


def evaluate(
    model: Path,
    data: Path,
    split: str,
    scheme: LabelScheme | None = None,
    *,
    against: Path | None = None,
    unit_input: bool = False,
) -> Evaluation:
    """Judge `model` on `split`, and `against` another model on the same rows.

    `scheme` chooses between the heads of a .keras network; by default it is the data's. `unit_input` is for models of
    another origin (`predictor.predictor`).
    """
    dataset = read_dataset(data)
    part = dataset.part(split)
    asked = predictor(model, scheme, dataset.scheme, unit_input=unit_input)
    probabilities = asked(part.faces(asked.side))
    facts = {"model": model.name, "digest": asked.digest, "split": split, "data": dataset.digests}
    report = facts | {"machine": platform.machine()} | judge(probabilities, part, asked.scheme)
    truth = truth_for(part, asked.scheme)
    clear = truth >= 0
    report["intervals"] = intervals(probabilities[clear], truth[clear], part.groups[clear], LABELS[asked.scheme])
    if asked.temperature != 1.0:
        raw = soften(probabilities, 1 / asked.temperature)
        report["ece_before_temperature"] = calibration_error(raw[clear], truth[clear])
    if against is not None:
        other = predictor(against, None, asked.scheme, unit_input=unit_input)
        if other.scheme != asked.scheme:
            raise SourceError(f"{against}: gives out {other.scheme}, not {asked.scheme}")
        answers = other(part.faces(other.side))
        found = compared(probabilities[clear], answers[clear], truth[clear], part.groups[clear])
        report["against"] = {"model": against.name, "digest": other.digest} | found
    return Evaluation(report=report, data=part, probabilities=probabilities, truth=truth, temperature=asked.temperature)


def judge(probabilities: Probabilities, data: Dataset, scheme: LabelScheme) -> dict[str, Any]:
    """Return the scores by the rule that the scheme is meant to follow, then by every other rule that the data allow.

    `truth` says which rule that is and how many rows it keeps (`truth.truth_for`). The keys `ferplus_…` name the rule
    by which votes give a label (`truth.RULES`), on FER-2013's rows alone; `own` and `by_source` rest on the labels
    that the data came with.
    """
    labels = LABELS[scheme]

    def scored(truth: Truth) -> dict[str, Any]:
        there = truth >= 0
        return scores(probabilities[there], truth[there], labels) | {"of": len(truth)}

    truth, mine = truth_for(data, scheme), own(data, scheme)
    rule = headline_rule(data, scheme)
    kept = {"rule": rule, "says": SAYINGS[rule], "rows": int((truth >= 0).sum()), "of": len(truth)}
    report = {"labels": scheme, "truth": kept} | scored(truth)
    report["own"] = scored(mine)
    kinds = np.where(np.char.startswith(data.sources, "custom"), "custom", data.sources)
    report["by_source"] = {
        str(kind): scored(np.where(kinds == kind, mine, -1))
        for kind in np.unique(kinds)
        if (mine[kinds == kind] >= 0).any()
    }
    for rule, truth_by in RULES.items():
        voted = truth_by(data, scheme)
        if rule != "own" and (voted >= 0).any():
            report[f"ferplus_{rule}"] = scored(voted) | {"of": int((kinds == "fer2013").sum())}
    report["votes"] = against_votes(probabilities, data, scheme)
    report["persons"] = spread(
        (probabilities.argmax(axis=1) == truth)[truth >= 0], data.take(np.flatnonzero(truth >= 0))
    )
    if scheme == "company5":
        report["fatigue"] = fatigue_report(probabilities, data, kinds)
    return report


def fatigue_report(probabilities: Probabilities, data: Dataset, kinds: NDArray[np.str_]) -> dict[str, Any]:
    """Return how often fatigue is seen where it is, and where it is not, by source.

    A share of false fatigue on the alert controls far above that on FER-2013 says that the network learnt the camera.
    """
    seen = probabilities.argmax(axis=1) == COMPANY5.index("fatigue")
    groups = {
        "recall": data.labels == "fatigue",
        "false_on_fer2013": kinds == "fer2013",
        "false_on_alert_controls": data.labels == ALERT,
    }
    for source in sorted(set(data.sources[data.labels == "fatigue"].tolist())):
        groups[f"recall_{source.removeprefix('custom:')}"] = (data.labels == "fatigue") & (data.sources == source)
    found = {
        name: {"rows": int(rows.sum()), "share": float(seen[rows].mean())}
        for name, rows in groups.items()
        if rows.any()
    }
    if "recall" in found and "false_on_alert_controls" in found:
        found["balanced_against_alert"] = _balanced(seen, groups["recall"], groups["false_on_alert_controls"], data)
    return found


def _balanced(
    seen: NDArray[np.bool_], tired: NDArray[np.bool_], alert: NDArray[np.bool_], data: Dataset
) -> dict[str, Any]:
    """Return the mean of the shares of tired faces seen and of alert ones spared, as if there were as many of both."""
    rows = tired | alert
    right = np.where(tired, seen, ~seen)[rows].astype(np.float32)
    even = np.where(tired[rows], 1 / tired.sum(), 1 / alert.sum()).astype(np.float32)
    share = float((right * even).sum() / even.sum())
    return {"rows": int(rows.sum()), "share": share, "interval": weighted_interval(right, even, data.groups[rows])}


def summary(report: dict[str, Any]) -> dict[str, float]:
    """Return the few figures that an epoch's line or a manifest carries."""
    short = {name: report[name] for name in ("rows", "accuracy", "macro_f1", "ece")}
    short["own_accuracy"] = report["own"]["accuracy"]
    for source, found in report["by_source"].items():
        short[f"{source}_accuracy"] = found["accuracy"]
    for rule in RULES:
        if f"ferplus_{rule}" in report:
            short[f"ferplus_{rule}_accuracy"] = report[f"ferplus_{rule}"]["accuracy"]
            if rule == "consensus":
                short["ferplus_consensus_ece"] = report["ferplus_consensus"]["ece"]
            short[f"ferplus_{rule}_macro_f1"] = report[f"ferplus_{rule}"]["macro_f1"]
    for name, found in report.get("fatigue", {}).items():
        short[f"fatigue_{name}"] = found["share"]
    return short
