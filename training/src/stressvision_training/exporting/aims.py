"""What the shipped models are meant to reach on faces that chose nothing; a card says of each whether it is reached."""

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from stressvision_contracts.labels import LabelScheme


class Aim(Struct, frozen=True):
    """The `bar` for one score of a test split: the least that will do, or the most."""

    score: str
    bar: float
    least: bool = True

    def reached(self, figure: float) -> bool:
        """Return whether `figure` is good enough."""
        return figure >= self.bar if self.least else figure <= self.bar


AIMS: Final[dict[LabelScheme, tuple[Aim, ...]]] = {
    "company5": (
        Aim("ferplus_consensus_accuracy", 0.89),
        Aim("ferplus_consensus_macro_f1", 0.84),
        Aim("recall_sad", 0.70),
        Aim("fatigue_balanced_against_alert", 0.85),
        Aim("fatigue_false_on_fer2013", 0.03, least=False),
    ),
    "fer7": (
        Aim("fer2013_accuracy", 0.72),
        Aim("fer2013_as_company5_accuracy", 0.765),
        Aim("ece", 0.04, least=False),
    ),
}
"""Single nets of 10 to 140 million parameters have 72 to 74 % on FER-2013; the client's KPI for the company's is 84."""


def aimed(scheme: LabelScheme, scores: Mapping[str, Any]) -> list[tuple[Aim, float]]:
    """Return the aims of `scheme` beside the figures that `scores` has for them."""
    return [(aim, float(scores[aim.score])) for aim in AIMS[scheme] if scores.get(aim.score) is not None]
