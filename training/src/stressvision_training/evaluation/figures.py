"""Pictures of an evaluation: confusion, scores per class, reliability, and the faces most often confused."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stressvision_training.data.sheets import FACES, TILE, save_sheet
from stressvision_training.evaluation.evaluate import Evaluation, judged_by
from stressvision_training.evaluation.metrics import BINS, calibration_error
from stressvision_vision.classifier import soften

PAIRS: Final = 5
"""Confused pairs on the sheet."""


def write_figures(out: Path, found: Evaluation) -> list[Path]:
    """Write the figures of an evaluation to `out`; return their paths.

    `confused.png` shows faces of the most common errors, the surest ones first: keep it where the data are kept.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    out.mkdir(parents=True, exist_ok=True)
    report, clear = found.report, found.truth >= 0
    probabilities, truth = found.probabilities[clear], found.truth[clear]
    written = [out / name for name in ("confusion.png", "per_class.png", "reliability.png")]
    title = judged_by(report).replace("; ", "\n")
    _confusion(written[0], title, np.array(report["confusion"]), list(report["per_class"]))
    _per_class(written[1], title, report["per_class"], report["intervals"]["recall"])
    curves = {"": probabilities}
    if found.temperature != 1.0:
        curves = {"as it is": probabilities, "before temperature": soften(probabilities, 1 / found.temperature)}
    _reliability(written[2], title, curves, truth)
    if report["most_common_errors"]:
        written.append(out / "confused.png")
        save_sheet(written[-1], _confused(found))
    return written


def _confused(found: Evaluation) -> list[tuple[str, NDArray[np.uint8]]]:
    labels = list(found.report["per_class"])
    chosen, sure = found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)
    rows = []
    for error in found.report["most_common_errors"][:PAIRS]:
        wrong = (found.truth == labels.index(error["true"])) & (chosen == labels.index(error["given"]))
        surest = np.flatnonzero(wrong)[np.argsort(-sure[wrong])][:FACES]
        rows.append((f"{error['true']}\nas {error['given']}: {error['rows']}", found.data.faces(TILE, surest)))
    return rows


def _confusion(path: Path, title: str, counts: NDArray[np.int64], labels: list[str]) -> None:
    from matplotlib.figure import Figure

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}\n{value:.0%}", ha="center", va="center", color=colour)
    axes.set(xlabel="given", ylabel="true", xticks=range(len(labels)), yticks=range(len(labels)))
    axes.set_title(title, fontsize=9)
    axes.set_xticklabels(labels, rotation=30)
    axes.set_yticklabels(labels)
    figure.savefig(path, dpi=120)


def _per_class(path: Path, title: str, per_class: dict[str, dict[str, float]], sure: dict[str, list[float]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(per_class))
    for shift, name in enumerate(("precision", "recall", "f1")):
        axes.bar(places + 0.27 * (shift - 1), [found[name] for found in per_class.values()], 0.25, label=name)
    for place, (label, found) in enumerate(per_class.items()):
        if label in sure:
            axes.plot([place, place], sure[label], color="black", linewidth=1)
            axes.plot(place, found["recall"], color="black", marker=".")
    axes.set(ylim=(0, 1), xticks=places, ylabel="share (line: recall's 95 % interval)")
    axes.set_xticklabels(list(per_class))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=3, frameon=False)
    axes.set_title(title, fontsize=9)
    figure.savefig(path, dpi=120)


def _reliability(path: Path, title: str, curves: Mapping[str, NDArray[np.float32]], truth: NDArray[np.int64]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    for name, probabilities in curves.items():
        sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
        bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
        there = [b for b in range(BINS) if (bins == b).any()]
        label = f"{name} ECE {calibration_error(probabilities, truth):.3f}".strip()
        points = ([part[bins == b].mean() for b in there] for part in (sure, right))
        axes.plot(*points, marker="o", label=label)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given", ylabel="share right")
    axes.legend(loc="upper left")
    axes.set_title(title, fontsize=9)
    figure.savefig(path, dpi=120)
