"""Judge a model on one split, saying for every figure which rows and whose labels it rests on."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import COMPANY5, LABELS, LabelScheme
from stressvision_training.classes import ALERT
from stressvision_training.dataset import Dataset, read_dataset
from stressvision_training.metrics import scores
from stressvision_training.predictor import predictor
from stressvision_training.truth import RULES, own

Probabilities = NDArray[np.float32]


def evaluate(
    model: Path, data: Path, split: str, scheme: LabelScheme | None = None
) -> tuple[dict[str, Any], Probabilities, NDArray[np.int64]]:
    """Return the report on `split`, and the probabilities and true labels of its rows with one label.

    `scheme` chooses between the heads of a .keras network; by default it is the data's.
    """
    dataset = read_dataset(data)
    part = dataset.part(split)
    asked = predictor(model, scheme or dataset.scheme)
    probabilities = asked(part.images)
    report = judge(probabilities, part, asked.scheme)
    facts = {"model": model.name, "digest": asked.digest, "split": split, "data": dataset.digests}
    truth = own(part, asked.scheme)
    return facts | {"machine": platform.machine()} | report, probabilities[truth >= 0], truth[truth >= 0]


def judge(probabilities: Probabilities, data: Dataset, scheme: LabelScheme) -> dict[str, Any]:
    """Return the scores over all rows by their own labels, then by source, by FER+'s votes, and for fatigue.

    The keys `ferplus_…` name the rule by which votes give a label (`truth.RULES`).
    """
    labels = LABELS[scheme]
    truth = own(data, scheme)
    report = {"labels": scheme} | scores(probabilities[truth >= 0], truth[truth >= 0], labels)
    kinds = np.where(np.char.startswith(data.sources, "custom"), "custom", data.sources)
    report["by_source"] = {
        str(kind): scores(probabilities[rows], truth[rows], labels)
        for kind in np.unique(kinds)
        if (rows := (truth >= 0) & (kinds == kind)).any()
    }
    for rule, truth_by in RULES.items():
        voted = truth_by(data, scheme)
        if rule != "own" and (voted >= 0).any():
            report[f"ferplus_{rule}"] = scores(probabilities[voted >= 0], voted[voted >= 0], labels)
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
    return {
        name: {"rows": int(rows.sum()), "share": float(seen[rows].mean())}
        for name, rows in groups.items()
        if rows.any()
    }


def summary(report: dict[str, Any]) -> dict[str, float]:
    """Return the few figures that an epoch's line or a manifest carries."""
    short = {name: report[name] for name in ("rows", "accuracy", "macro_f1", "ece")}
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
