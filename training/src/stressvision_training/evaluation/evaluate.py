"""Judge a model on one split, saying for every figure which rows and whose labels it rests on."""

import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.classes import company_matrix
from stressvision_training.data.dataset import Dataset, read_dataset
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.fatigue import fatigue_intervals, fatigue_report
from stressvision_training.evaluation.intervals import Pair, intervals, weighted_interval
from stressvision_training.evaluation.metrics import calibration_error, scores
from stressvision_training.evaluation.opinions import against_votes
from stressvision_training.evaluation.paired import compared
from stressvision_training.evaluation.persons import spread
from stressvision_training.evaluation.predictor import answers, predictor
from stressvision_training.evaluation.truth import (
    RULES,
    Truth,
    by_votes,
    headline_rule,
    headline_says,
    own,
    own_by_source,
    truth_for,
)
from stressvision_vision.bare import InputRange
from stressvision_vision.classifier import soften

Probabilities = NDArray[np.float32]

ALL: Final = "all"
"""In a split's place: every row, of data from which the model has learnt nothing."""

UNKNOWN: Final = "the model does not say what it learnt from; rows that it has seen before judge it too well"


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
    input_range: InputRange | None = None,
) -> Evaluation:
    """Judge `model` on `split` (or `ALL`), and `against` another model on the same rows.

    `scheme` chooses between the heads of a .keras network; by default it is the data's. `input_range` is for models of
    another origin (`predictor.predictor`).
    """
    dataset = read_dataset(data)
    part = dataset if split == ALL else dataset.part(split)
    asked = predictor(model, scheme, dataset.scheme, input_range)
    learnt_from = getattr(asked, "learnt_from", {})
    if split == ALL and learnt_from and learnt_from.get("train.npz") == dataset.digests.get("train.npz"):
        raise SourceError(f"{model}: learnt from the training rows of {data}; judge it on its test split")
    truth = truth_for(part, asked.scheme)
    clear = truth >= 0
    if not clear.any():
        raise SourceError(f"{data}: no row of {split} has a label of {asked.scheme}, so {model} cannot be judged on it")
    probabilities = answers(asked, part)
    facts = {"model": model.name, "digest": asked.digest, "fed": asked.fed, "split": split, "data": dataset.digests}
    facts["notes"] = [UNKNOWN] if split == ALL and not learnt_from else _notes(learnt_from, part)
    report = facts | {"machine": platform.machine()} | measure(probabilities, part, asked.scheme)
    if asked.temperature != 1.0:
        raw = soften(probabilities, 1 / asked.temperature)
        report["ece_before_temperature"] = calibration_error(raw[clear], truth[clear])
    if against is not None:
        other = predictor(against, None, asked.scheme, input_range)
        if other.scheme != asked.scheme:
            raise SourceError(f"{against}: gives out {other.scheme}, not {asked.scheme}")
        found = compared(probabilities[clear], answers(other, part)[clear], truth[clear], part.groups[clear])
        report["against"] = {"model": against.name, "digest": other.digest} | found
    return Evaluation(report=report, data=part, probabilities=probabilities, truth=truth, temperature=asked.temperature)


def _notes(learnt_from: Mapping[str, str], part: Dataset) -> list[str]:
    """Say when people of `part` may be among those whom the model has learnt from."""
    company = np.char.startswith(part.sources, "custom").any()
    if not (company and learnt_from) or learnt_from.get("train.npz") == part.digests.get("train.npz"):
        return []
    said = "the model learnt from other rows than the training rows here, so it may know company people of this split"
    return [f"{said}; `prepare --splits` with the splits of its training keeps them apart"]


def measure(probabilities: Probabilities, data: Dataset, scheme: LabelScheme) -> dict[str, Any]:
    """Return what `judge` says, and under `intervals` how sure its figures are."""
    report, truth = judge(probabilities, data, scheme), truth_for(data, scheme)
    clear = truth >= 0
    report["intervals"] = intervals(probabilities[clear], truth[clear], data.groups[clear], LABELS[scheme])
    report["intervals"]["accuracy_by"] = _by_other_rules(probabilities, data, scheme)
    if "fatigue" in report:
        report["intervals"]["fatigue"] = fatigue_intervals(probabilities, data)
    return report


def judge(probabilities: Probabilities, data: Dataset, scheme: LabelScheme) -> dict[str, Any]:
    """Return the scores by the rule that the scheme is meant to follow, then by every other rule that the data allow.

    `truth` says which rule that is and how many rows it keeps (`truth.truth_for`). The keys `ferplus_…` name the rule
    by which votes give a label (`truth.RULES`), on FER-2013's rows alone; `own` and `by_source` rest on the labels
    that the data came with.
    """
    labels = LABELS[scheme]

    def scored(truth: Truth, of: int = len(data)) -> dict[str, Any]:
        there = truth >= 0
        return scores(probabilities[there], truth[there], labels) | {"of": of}

    truth = truth_for(data, scheme)
    rule = headline_rule(data, scheme)
    rows = int((truth >= 0).sum())
    kept = {
        "rule": rule,
        "says": headline_says(data, scheme),
        "rows": rows,
        "of": len(truth),
        "share": rows / len(truth),
    }
    report = {"labels": scheme, "truth": kept} | scored(truth)
    report["own"] = scored(own(data, scheme))
    sources = np.char.partition(data.sources, ":")[:, 0]
    report["by_source"] = {
        kind: scored(labelled, int((sources == kind).sum())) for kind, labelled in own_by_source(data, scheme).items()
    }
    for name, voted in by_votes(data, scheme).items():
        report[name] = scored(voted, int((sources == "fer2013").sum()))
    report["votes"] = against_votes(probabilities, data, scheme)
    report["persons"] = spread(
        (probabilities.argmax(axis=1) == truth)[truth >= 0], data.take(np.flatnonzero(truth >= 0))
    )
    if scheme == "company5":
        report["fatigue"] = fatigue_report(probabilities, data)
    else:
        report["as_company5"] = _as_company(probabilities, data)
    return report


def _as_company(probabilities: Probabilities, data: Dataset) -> dict[str, Any]:
    """Return the scores of seven emotions summed into the company's classes, on FER-2013's rows, by each rule."""
    summed, of = probabilities @ company_matrix(), int((data.sources == "fer2013").sum())
    found = {}
    for name, truth in _company_truths(data).items():
        there = truth >= 0
        found[name] = scores(summed[there], truth[there], LABELS["company5"]) | {"of": of}
    return found


def _company_truths(data: Dataset) -> dict[str, Truth]:
    mine = own_by_source(data, "company5")
    return {name: mine[name] for name in ("fer2013",) if name in mine} | by_votes(data, "company5")


def _by_other_rules(probabilities: Probabilities, data: Dataset, scheme: LabelScheme) -> dict[str, Pair]:
    """Return the interval of the accuracy by every rule but the headline's."""
    rules = {"own": own(data, scheme)} | own_by_source(data, scheme) | by_votes(data, scheme)
    found = {name: _accuracy_interval(probabilities, truth, data) for name, truth in rules.items()}
    if scheme == "fer7":
        summed = probabilities @ company_matrix()
        for name, truth in _company_truths(data).items():
            found[f"{name}_as_company5"] = _accuracy_interval(summed, truth, data)
    return found


def _accuracy_interval(probabilities: Probabilities, truth: Truth, data: Dataset) -> Pair:
    right, there = probabilities.argmax(axis=1) == truth, truth >= 0
    return weighted_interval(right[there].astype(np.float32), np.ones(int(there.sum()), np.float32), data.groups[there])


def judged_by(report: dict[str, Any]) -> str:
    """Return in words which rule the headline follows, and how many rows that keeps."""
    truth = report["truth"]
    return f"{truth['says']}; {truth['rows']:,} of {truth['of']:,} rows"


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
    for name, found in report.get("as_company5", {}).items():
        short[f"{name}_as_company5_accuracy"] = found["accuracy"]
    for name, found in report.get("fatigue", {}).items():
        short[f"fatigue_{name}"] = found["share"]
    return short


def recalls(report: dict[str, Any]) -> dict[str, float]:
    """Return the recall of each label that the headline's rows show, as `recall_LABEL`."""
    there = {label: found["recall"] for label, found in report["per_class"].items() if found["support"]}
    return {f"recall_{label}": recall for label, recall in there.items()}


def summary_intervals(report: dict[str, Any]) -> dict[str, Pair]:
    """Return the 95 % intervals of the figures of `summary` and `recalls` that have one, by the same names."""
    sure = report["intervals"]
    found: dict[str, Pair] = {name: sure[name] for name in ("accuracy", "macro_f1", "ece")}
    found |= {f"recall_{label}": pair for label, pair in sure["recall"].items()}
    found |= {f"{name}_accuracy": pair for name, pair in sure["accuracy_by"].items()}
    return found | {f"fatigue_{name}": pair for name, pair in sure.get("fatigue", {}).items()}
