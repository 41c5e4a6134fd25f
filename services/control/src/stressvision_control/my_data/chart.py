"""A person's shifts as a drawing: a bar for the signs of tiredness, a thinner one below for the coverage.

Drawn once for a phone and once for a wider screen, since letters in a drawing grow and shrink with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import ceil
from typing import Final

from stressvision_store.own_data import OwnShift

TOP, BARS, GAP, COVER, FOOT, LEFT, RIGHT = 14.0, 120.0, 18.0, 26.0, 22.0, 38.0, 8.0
WIDTHS: Final = {"narrow": 340.0, "wide": 660.0}
WIDEST_BAR: Final = 18.0


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual for the person: eight in ten of their shifts, as shares 0 to 1."""

    low: float
    high: float


def draw(shifts: Sequence[OwnShift], band: Band | None, days: Sequence[str], label: str) -> str:
    """`days`: the words below the bars, one a shift; `label`: what a screen reader says of the drawing."""
    return "".join(_drawing(name, width, shifts, band, days, label) for name, width in WIDTHS.items())


def ceiling(highest: float) -> float:
    """Where the scale ends: the least of 10, 20, 30, 40, 60, 80, 100 % that all fits below."""
    return next((top for top in (0.1, 0.2, 0.3, 0.4, 0.6, 0.8) if highest <= top), 1.0)


def _drawing(
    name: str, width: float, shifts: Sequence[OwnShift], band: Band | None, days: Sequence[str], label: str
) -> str:
    height = TOP + BARS + GAP + COVER + FOOT
    top = ceiling(max([share for each in shifts if (share := each.fatigue) is not None] + [band.high if band else 0.0]))
    parts = [_scale(width, top)]
    if band is not None:
        y, tall = _y(band.high, top), max(_y(band.low, top) - _y(band.high, top), 4.0)
        parts.insert(
            0, f'<rect class="band" x="{LEFT}" y="{y:.1f}" width="{width - LEFT - RIGHT}" height="{tall:.1f}"/>'
        )
    step = (width - LEFT - RIGHT) / len(shifts)
    bar = min(WIDEST_BAR, step * 0.64)
    every = ceil(len(shifts) * 46 / (width - LEFT - RIGHT))
    for place, shift in enumerate(shifts):
        middle = LEFT + step * (place + 0.5)
        parts.append(_bar(middle, bar, shift, top))
        if (len(shifts) - 1 - place) % every == 0:
            last = place == len(shifts) - 1
            x, anchor = (width - RIGHT / 2, "end") if last else (middle, "middle")
            parts.append(f'<text x="{x:.1f}" y="{height - 5}" text-anchor="{anchor}">{escape(days[place])}</text>')
    return (
        f'<svg class="{name}" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def _y(share: float, top: float) -> float:
    return TOP + BARS * (1 - share / top)


def _scale(width: float, top: float) -> str:
    lines = []
    for part in (0.0, 0.5, 1.0):
        y = _y(part * top, top)
        lines.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        lines.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{part * top * 100:.0f} %</text>')
    base = TOP + BARS + GAP + COVER
    lines.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{base}" y2="{base}"/>')
    return "".join(lines)


def _bar(middle: float, bar: float, shift: OwnShift, top: float) -> str:
    x, base = middle - bar / 2, TOP + BARS
    tall = max(COVER * shift.coverage, 1.0)
    cover = (
        f'<rect class="cover" x="{x:.1f}" y="{base + GAP + COVER - tall:.1f}" width="{bar:.1f}" height="{tall:.1f}"/>'
    )
    if shift.fatigue is None:
        return f'<circle class="thin" cx="{middle:.1f}" cy="{base - 5}" r="{min(bar / 2, 3.5):.1f}"/>{cover}'
    y = min(_y(shift.fatigue, top), base - 1.5)
    round_by = min(bar / 2, 3.0, base - y)
    path = (
        f"M{x:.1f} {base:.1f}V{y + round_by:.1f}q0 {-round_by:.1f} {round_by:.1f} {-round_by:.1f}"
        f"h{bar - 2 * round_by:.1f}q{round_by:.1f} 0 {round_by:.1f} {round_by:.1f}V{base:.1f}z"
    )
    return f'<path class="share" d="{path}"/>{cover}'
