"""A person's own trend in plain words: what is usual for them, and how their last shift stands to it."""

from collections.abc import Sequence
from datetime import date
from statistics import quantiles
from typing import Final

from stressvision_control.my_data.chart import Band
from stressvision_control.my_data.words import MONTHS, WORDS
from stressvision_store.languages import Language
from stressvision_store.own_data import OwnShift

LEAST: Final = 5
"""Shifts with enough data, below which nothing is said of what is usual."""
SLACK: Final = 0.01
"""A last shift that lies no further than this outside of what is usual is usual."""


def usual(shifts: Sequence[OwnShift]) -> Band | None:
    """Where eight in ten of the shares lie; None for too few."""
    shares = [each.fatigue for each in shifts if each.fatigue is not None]
    if len(shares) < LEAST:
        return None
    deciles = quantiles(shares, n=10, method="inclusive")
    return Band(deciles[0], deciles[-1])


def sentences(shifts: Sequence[OwnShift], band: Band | None, language: Language) -> list[str]:
    """What the drawing shows, for whoever reads no drawings."""
    words = WORDS[language]
    if not shifts:
        return [words["nothing"]]
    enough = sum(each.fatigue is not None for each in shifts)
    if band is None:
        return [words["thin"].format(n=enough, all=len(shifts), least=LEAST)]
    said = [words["usual"].format(n=enough, low=percent(band.low), high=percent(band.high))]
    last = shifts[-1]
    day = day_of(last.shift_date, language, year=False)
    if last.fatigue is None:
        return [*said, words["last_thin"].format(day=day)]
    how = "usual"
    if last.fatigue > band.high + SLACK:
        how = "more"
    elif last.fatigue < band.low - SLACK:
        how = "less"
    return [*said, words[f"last_{how}"].format(day=day, share=percent(last.fatigue))]


def percent(share: float) -> str:
    """A whole number, and a space that does not break the line."""
    return "<\N{NO-BREAK SPACE}1\N{NO-BREAK SPACE}%" if 0 < share < 0.005 else f"{share * 100:.0f}\N{NO-BREAK SPACE}%"


def day_of(day: date, language: Language, *, year: bool = True) -> str:
    said = [str(day.day), MONTHS[language][day.month - 1], *([str(day.year)] if year else [])]
    return "\N{NO-BREAK SPACE}".join(said)
