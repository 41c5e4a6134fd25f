"""Judge a model on one split, saying for every figure which rows and whose labels it rests on."""

import platform
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.classes import ALERT, COMPANY5, COMPANY_OF, LABELS, summing_matrix
from stressvision_training.dataset import Dataset, read_dataset
from stressvision_training.ferplus import majority
from stressvision_training.metrics import scores
from stressvision_training.predictor import predictor
from stressvision_training.rows import EMOTIONS

Probabilities = NDArray[np.float32]


def evaluate(model: Path, data: Path, split: str) -> tuple[dict[str, Any], Probabilities, NDArray[np.int64]]:
    """Return the report on `split`, and the probabilities and true labels of its rows with one label."""
    dataset = read_dataset(data)
    part = dataset.part(split)
    asked = predictor(model, dataset.scheme)
    probabilities = asked(part.images)
    report = judge(probabilities, part)
    facts = {"model": model.name, "digest": asked.digest, "split": split, "data": dataset.digests}
    clear, truth = output_truth(part)
    return facts | {"machine": platform.machine()} | report, probabilities[clear], truth[clear]


def judge(probabilities: Probabilities, data: Dataset) -> dict[str, Any]:
    """Return the scores over all rows with one label, then by source, by FER+'s majority, and for fatigue.

    The labels of FER-2013 rows are FER-2013's own, but for the part `ferplus_majority`.
    """
    labels = LABELS[data.scheme]
    clear, truth = output_truth(data)
    report = scores(probabilities[clear], truth[clear], labels)
    kinds = np.where(np.char.startswith(data.sources, "custom"), "custom", data.sources)
    report["by_source"] = {
        str(kind): scores(probabilities[rows], truth[rows], labels)
        for kind in np.unique(kinds)
        if (rows := clear & (kinds == kind)).any()
    }
    voted = _ferplus_truth(data)
    if (voted >= 0).any():
        report["ferplus_majority"] = scores(probabilities[voted >= 0], voted[voted >= 0], labels)
    if data.scheme == "company5":
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


def output_truth(data: Dataset) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return which rows have one label in the model's own labels, and its number (meaningless elsewhere)."""
    possible = data.allowed.astype(np.float32) @ summing_matrix(data.scheme) > 0
    return possible.sum(axis=1) == 1, possible.argmax(axis=1)


def summary(report: dict[str, Any]) -> dict[str, float]:
    """Return the few figures that an epoch's line or a manifest carries."""
    short = {name: report[name] for name in ("rows", "accuracy", "macro_f1", "ece")}
    for source, found in report["by_source"].items():
        short[f"{source}_accuracy"] = found["accuracy"]
    if "ferplus_majority" in report:
        short["ferplus_majority_accuracy"] = report["ferplus_majority"]["accuracy"]
    for name, found in report.get("fatigue", {}).items():
        short[f"fatigue_{name}"] = found["share"]
    return short


def _ferplus_truth(data: Dataset) -> NDArray[np.int64]:
    labels = LABELS[data.scheme]
    number = {
        emotion: labels.index(COMPANY_OF[emotion] if data.scheme == "company5" else emotion) for emotion in EMOTIONS
    }
    of_emotion = np.array([*(number[emotion] for emotion in EMOTIONS), -1])
    return of_emotion[majority(data.votes)]
