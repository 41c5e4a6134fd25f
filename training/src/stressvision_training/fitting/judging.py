"""What the network of an epoch is worth on the validation rows."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from stressvision_contracts.labels import LabelScheme
from stressvision_training.architectures.network import probabilities_of
from stressvision_training.classes import SCHEMES, serves
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.rows import SourceError
from stressvision_training.evaluation.evaluate import judge, summary
from stressvision_training.evaluation.truth import truth_for
from stressvision_training.fitting.recipe import Recipe

HEADLINES: Final = {
    "validation_loss": "log_loss",
    **{name: name for name in ("accuracy", "macro_precision", "macro_recall", "macro_f1", "macro_auc")},
}
"""Of an epoch's record: which figure of a report each is."""


def judged_schemes(recipe: Recipe, validation: Dataset) -> list[LabelScheme]:
    """Return the schemes that the recipe's heads serve and a row has a label of: a mean over no rows is no figure."""
    served = [scheme for scheme in SCHEMES if any(serves(head.classes, scheme) for head in recipe.heads)]
    found = [scheme for scheme in served if (truth_for(validation, scheme) >= 0).any()]
    if not found:
        raise SourceError(f"no validation row has a label of {' or '.join(served)}, so no epoch could be judged")
    return found


def judged(network: Any, validation: Dataset, side: int, schemes: Sequence[LabelScheme]) -> dict[str, Any]:
    """Return the figures of each scheme, after the means of their headlines (`HEADLINES`)."""
    faces = validation.faces(side)
    found = {scheme: judge(probabilities_of(network, faces, scheme), validation, scheme) for scheme in schemes}
    figures = {name: [report[figure] for report in found.values()] for name, figure in HEADLINES.items()}
    means = {name: float(np.mean(each)) for name, each in figures.items() if None not in each}
    short = {scheme: summary(report) for scheme, report in found.items()}
    return means | {f"{scheme}_{name}": value for scheme, said in short.items() for name, value in said.items()}
