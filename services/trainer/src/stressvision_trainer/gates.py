"""What a candidate must meet beyond its export's own gates: against the model in use, by class, in time, in honesty."""

from math import sqrt
from typing import Any, Final

import msgspec

from stressvision_training.evaluation.benchmark import CLIENT_MS

RECALL_FLOOR: Final = 0.3
"""Of every class; a model below it misses more than two in three of what it is there to find."""
FEWEST_OF_CLASS: Final = 30
"""On fewer faces a class is only failed where not even the upper end of its interval reaches the floor."""
ECE_BAR: Final = 0.1
FEWEST_ROWS: Final = 200
"""Fewer decide nothing: a gate on them is not tried."""

Report = dict[str, Any]


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on a candidate: `met` is None when there was too little to try it on."""

    name: str
    figure: float | None
    bar: str
    met: bool | None


def verdicts(report: Report, champion: Report | None, times: Report) -> list[Verdict]:
    """By the report on the test split, that of the model in use on the same rows, and the times of one face."""
    found = [_recall(label, figures) for label, figures in report["per_class"].items()]
    rows = int(report["truth"]["rows"])
    ece = float(report["ece"])
    found.append(
        Verdict(
            name="expected calibration error",
            figure=ece,
            bar=f"<= {ECE_BAR} on {FEWEST_ROWS} faces or more",
            met=ece <= ECE_BAR if rows >= FEWEST_ROWS else None,
        )
    )
    p95 = float(times["p95_ms"])
    found.append(Verdict(name="95 % of faces, ms", figure=p95, bar=f"<= {CLIENT_MS}", met=p95 <= CLIENT_MS))
    if champion is not None:
        found.append(_champion(report, champion))
    return found


def _recall(label: str, figures: dict[str, float]) -> Verdict:
    support, recall = int(figures["support"]), float(figures["recall"])
    return Verdict(
        name=f"recall of {label}",
        figure=recall if support else None,
        bar=f">= {RECALL_FLOOR} on {FEWEST_OF_CLASS} faces or more",
        met=_reaches_floor(recall, support),
    )


def _reaches_floor(recall: float, support: int) -> bool | None:
    if support >= FEWEST_OF_CLASS:
        return recall >= RECALL_FLOOR
    return False if support and _at_most(recall, support) < RECALL_FLOOR else None


def _at_most(share: float, number: int) -> float:
    """The upper end of Wilson's 95 % interval of a share."""
    z = 1.96
    middle = share + z**2 / (2 * number)
    return (middle + z * sqrt(share * (1 - share) / number + z**2 / (4 * number**2))) / (1 + z**2 / number)


def _champion(report: Report, champion: Report) -> Verdict:
    """Not met when even the upper end of the candidate's interval lies below the model in use."""
    theirs, most = float(champion["macro_f1"]), float(report["intervals"]["macro_f1"][1])
    return Verdict(
        name="macro-F1 against the model in use",
        figure=float(report["macro_f1"]),
        bar=f"95 % interval reaches {theirs:.3f}",
        met=most >= theirs,
    )
