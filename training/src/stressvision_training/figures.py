"""Pictures of an evaluation: confusion, scores per class, reliability."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stressvision_training.metrics import BINS


def write_figures(
    out: Path,
    report: dict[str, Any],
    probabilities: NDArray[np.float32],
    truth: NDArray[np.int64],
) -> list[Path]:
    """Write confusion.png, per_class.png and reliability.png of `report` to `out`; return their paths."""
    import matplotlib as mpl

    mpl.use("Agg")
    out.mkdir(parents=True, exist_ok=True)
    labels = list(report["per_class"])
    _confusion(out / "confusion.png", np.array(report["confusion"]), labels)
    _per_class(out / "per_class.png", report["per_class"])
    _reliability(out / "reliability.png", probabilities, truth, report["ece"])
    return [out / name for name in ("confusion.png", "per_class.png", "reliability.png")]


def _confusion(path: Path, counts: NDArray[np.int64], labels: list[str]) -> None:
    from matplotlib.figure import Figure

    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), value in np.ndenumerate(share):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{counts[row, column]}\n{value:.0%}", ha="center", va="center", color=colour)
    axes.set(xlabel="given", ylabel="true", xticks=range(len(labels)), yticks=range(len(labels)))
    axes.set_xticklabels(labels, rotation=30)
    axes.set_yticklabels(labels)
    figure.savefig(path, dpi=120)


def _per_class(path: Path, per_class: dict[str, dict[str, float]]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(per_class))
    for shift, name in enumerate(("precision", "recall", "f1")):
        axes.bar(places + 0.27 * (shift - 1), [found[name] for found in per_class.values()], 0.25, label=name)
    axes.set(ylim=(0, 1), xticks=places, ylabel="share")
    axes.set_xticklabels(list(per_class))
    axes.legend()
    figure.savefig(path, dpi=120)


def _reliability(path: Path, probabilities: NDArray[np.float32], truth: NDArray[np.int64], ece: float) -> None:
    from matplotlib.figure import Figure

    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    there = [b for b in range(BINS) if (bins == b).any()]
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    axes.plot([sure[bins == b].mean() for b in there], [right[bins == b].mean() for b in there], marker="o")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability given", ylabel="share right", title=f"ECE {ece:.3f}")
    figure.savefig(path, dpi=120)
