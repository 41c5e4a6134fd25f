"""What a face is held to be, by whose word: a rule gives a row one label of a scheme, or none and leaves it out.

FER-2013's labels and FER+'s votes disagree on more than a third of the rows, so a figure means little without its rule.
"""

from collections.abc import Callable
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from stressvision_contracts.labels import LABELS, LabelScheme
from stressvision_training.classes import COMPANY_OF
from stressvision_training.data.balance import class_of
from stressvision_training.data.dataset import Dataset
from stressvision_training.data.ferplus import grouped_votes, majority
from stressvision_training.data.rows import EMOTIONS

Rule = Literal["own", "consensus", "plurality", "majority"]
Truth = NDArray[np.int64]
"""A number in the scheme's labels for each row, -1 where the rule is silent."""

CONSENSUS: Final = 5
"""Votes out of ten that the only winner needs."""

SAYINGS: Final[dict[Rule, str]] = {
    "own": "own labels",
    "consensus": "FER+ consensus: votes grouped, the only winner, 5 of 10 or more",
    "plurality": "FER+ plurality: votes grouped, the only winner",
    "majority": "FER+ majority: more than half for one expression, then grouped",
}


def own(data: Dataset, scheme: LabelScheme) -> Truth:
    """Return the labels that the data came with; a company label other than the scheme's says nothing."""
    labels = LABELS[scheme]

    def number(label: str, source: str) -> int:
        if scheme == "fer7" and data.scheme == "company5" and source.startswith("custom"):
            return -1
        name = class_of(label, scheme)
        return labels.index(name) if name in labels else -1

    pairs = zip(data.labels.tolist(), data.sources.tolist(), strict=True)
    return np.array([number(label, source) for label, source in pairs], np.int64)


def _winner(data: Dataset, scheme: LabelScheme, least: int) -> Truth:
    votes = grouped_votes(data.votes, scheme)
    top = votes.max(axis=1, initial=0)
    only = (votes == top[:, None]).sum(axis=1) == 1
    return np.where(only & (top >= least), votes.argmax(axis=1), -1)


def consensus(data: Dataset, scheme: LabelScheme) -> Truth:
    """Return the grouped label with the most votes, if alone and with at least `CONSENSUS`."""
    return _winner(data, scheme, CONSENSUS)


def plurality(data: Dataset, scheme: LabelScheme) -> Truth:
    """Return the grouped label with the most votes, if alone."""
    return _winner(data, scheme, 1)


def by_majority(data: Dataset, scheme: LabelScheme) -> Truth:
    """Return Microsoft's majority, mapped to the scheme."""
    labels = LABELS[scheme]
    names = [emotion if scheme == "fer7" else COMPANY_OF[emotion] for emotion in EMOTIONS]
    return np.array([*(labels.index(name) for name in names), -1])[majority(data.votes)]


RULES: Final[dict[Rule, Callable[[Dataset, LabelScheme], Truth]]] = {
    "own": own,
    "consensus": consensus,
    "plurality": plurality,
    "majority": by_majority,
}


def headline_rule(data: Dataset, scheme: LabelScheme) -> Rule:
    """Return the rule that a model of `scheme` is meant to follow on FER-2013's rows (`truth_for`)."""
    return "consensus" if scheme == "company5" and data.votes.any() else "own"


def headline_says(data: Dataset, scheme: LabelScheme) -> str:
    """Return in words what `truth_for` goes by."""
    rule = headline_rule(data, scheme)
    company = rule != "own" and np.char.startswith(data.sources, "custom").any()
    return f"{SAYINGS[rule]}; company pictures: own labels" if company else SAYINGS[rule]


def truth_for(data: Dataset, scheme: LabelScheme) -> Truth:
    """Return what a model of `scheme` is meant to say: `fer7` what FER-2013's label does, `company5` what people see.

    Company pictures keep their own labels; FER-2013 rows follow FER+'s consensus where there are votes. A network that
    follows one source scores a tenth lower on the other, so this is decided once, here.
    """
    truth = own(data, scheme)
    if headline_rule(data, scheme) == "own":
        return truth
    return np.where(np.char.startswith(data.sources, "custom"), truth, consensus(data, scheme))


def own_by_source(data: Dataset, scheme: LabelScheme) -> dict[str, Truth]:
    """Return `own` on the rows of each source alone, the company's taken together, where it gives any a label."""
    truth = own(data, scheme)
    kinds = np.where(np.char.startswith(data.sources, "custom"), "custom", data.sources)
    found = {str(kind): np.where(kinds == kind, truth, -1) for kind in np.unique(kinds)}
    return {kind: labels for kind, labels in found.items() if (labels >= 0).any()}


def by_votes(data: Dataset, scheme: LabelScheme) -> dict[str, Truth]:
    """Return what each rule on votes says, as `ferplus_RULE`, where it gives any row a label."""
    found = {f"ferplus_{name}": rule(data, scheme) for name, rule in RULES.items() if name != "own"}
    return {name: labels for name, labels in found.items() if (labels >= 0).any()}
