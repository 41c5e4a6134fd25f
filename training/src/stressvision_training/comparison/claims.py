"""What the client's documents say of their networks, beside which ours are shown."""

import csv
from importlib import resources

import msgspec


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """One line of claims.csv: figures as the document has them, some a range such as `0.85-0.90`, empty where none."""

    document: int
    recipe: str
    classes: str
    accuracy: str
    macro_precision: str
    macro_recall: str
    macro_f1: str
    parameters: str
    keras_mb: str
    int8_mb: str
    latency_ms: str
    said: str


def read_claims() -> list[Claim]:
    """Return every claim, in the documents' order."""
    text = resources.files(__package__).joinpath("claims.csv").read_text(encoding="utf-8")
    return [msgspec.convert(line, Claim, strict=False) for line in csv.DictReader(text.splitlines())]


def middle(figure: str) -> float | None:
    """Return a figure as a number, the middle of a range, None where there is none."""
    ends = [float(end) for end in figure.split("-") if end]
    return sum(ends) / len(ends) if ends else None
