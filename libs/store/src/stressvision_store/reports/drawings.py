"""The plots of a report, drawn once: as they are in the PDF, as SVG in the page. Colours that colour-blind people tell
apart (Okabe and Ito 2008); no red, no green.
"""

import re
from collections.abc import Sequence
from datetime import date
from math import ceil
from typing import Any, Final
from xml.sax.saxutils import quoteattr

from reportlab.graphics import renderSVG
from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib.colors import HexColor

from stressvision_store.reports.figures import Band

WIDTH: Final = 500.0
LEFT: Final = 44.0
ROW: Final = 22.0
NAMES: Final = 130.0
MOST_ROWS: Final = 30
"""Areas in one drawing, so that it fits a page."""

BLUE, ORANGE, GREY, INK = HexColor("#0072B2"), HexColor("#E69F00"), HexColor("#D9D9D9"), HexColor("#333333")


def by_area(rows: Sequence[tuple[str, float | None]], band: Band | None, missing: str) -> list[Drawing]:
    """A bar for each (name, share), in the order given; one without a share says `missing`, which is not zero.

    Many areas take several drawings, on one scale.
    """
    top = _ceiling([share for _, share in rows] + [band.high if band else None])
    return [_bars(rows[first : first + MOST_ROWS], band, missing, top) for first in range(0, len(rows), MOST_ROWS)]


def _bars(rows: Sequence[tuple[str, float | None]], band: Band | None, missing: str, top: float) -> Drawing:
    height = ROW * len(rows) + 28
    scale = (WIDTH - NAMES - 50) / top
    drawing = Drawing(WIDTH, height)
    if band is not None:
        low, high = NAMES + band.low * scale, NAMES + band.high * scale
        drawing.add(Rect(low, 20, max(high - low, 1), height - 22, fillColor=GREY, strokeColor=None))
    for place, (name, share) in enumerate(rows):
        y = height - ROW * (place + 1)
        drawing.add(_words(NAMES - 6, y + 6, _short(name), anchor="end"))
        if share is None:
            drawing.add(_words(NAMES + 4, y + 6, missing))
            continue
        drawing.add(Rect(NAMES, y + 4, share * scale, ROW - 10, fillColor=BLUE, strokeColor=None))
        drawing.add(_words(NAMES + share * scale + 4, y + 6, f"{share:.0%}"))
    _axis(drawing, [(NAMES + part * top * scale, 8, f"{part * top:.0%}", "middle") for part in (0, 0.5, 1)])
    drawing.add(Line(NAMES, 20, WIDTH - 50, 20, strokeColor=INK, strokeWidth=0.5))
    return drawing


def by_day(days: Sequence[tuple[date, float | None]], band: Band | None, *, stress: bool = False) -> Drawing:
    """A line over days, broken where there is no share; the band of what is usual behind it."""
    height, bottom = 150.0, 24.0
    top = _ceiling([share for _, share in days] + [band.high if band else None])
    first, last = days[0][0], days[-1][0]
    span = max((last - first).days, 1)
    scale = (height - bottom - 10) / top
    drawing = Drawing(WIDTH, height)
    if band is not None:
        size = max((band.high - band.low) * scale, 1)
        drawing.add(Rect(LEFT, bottom + band.low * scale, WIDTH - LEFT - 10, size, fillColor=GREY, strokeColor=None))
    paint = ORANGE if stress else BLUE
    points: list[float] = []
    previous: date | None = None
    for day, share in [*days, (last, None)]:
        broken = share is None or (previous is not None and (day - previous).days > 1)
        if broken and len(points) > 2:
            drawing.add(PolyLine(points, strokeColor=paint, strokeWidth=1.5))
        if broken:
            points = []
        if share is not None:
            x, y = LEFT + (day - first).days / span * (WIDTH - LEFT - 10), bottom + share * scale
            points += [x, y]
            drawing.add(Circle(x, y, 2, fillColor=paint, strokeColor=None))
            previous = day
    _axis(drawing, [(LEFT - 4, bottom + part * top * scale - 3, f"{part * top:.0%}", "end") for part in (0, 0.5, 1)])
    _axis(drawing, [(LEFT, 8, first.isoformat(), "start"), (WIDTH - 10, 8, last.isoformat(), "end")])
    drawing.add(Line(LEFT, bottom, WIDTH - 10, bottom, strokeColor=INK, strokeWidth=0.5))
    return drawing


def as_svg(drawing: Drawing, title: str, name: str) -> str:
    """The SVG element, for a page; `title` is what a screen reader says, `name` keeps its ids apart from others'."""
    whole: str = renderSVG.drawToString(drawing)
    element = re.sub(r"\s*<(title|desc)>.*?</\1>", "", whole[whole.index("<svg") :], flags=re.DOTALL)
    element = element.replace('id="clip"', f'id="clip-{name}"').replace("url(#clip)", f"url(#clip-{name})")
    element = element.replace('id="group"', f'id="group-{name}"')
    return element.replace("<svg ", f'<svg role="img" aria-label={quoteattr(title)} ', 1)


def _ceiling(shares: Sequence[float | None]) -> float:
    """The top of the axis: the next tenth above all, so that scales of two reports can be compared."""
    return max(0.1, ceil(max((share for share in shares if share is not None), default=0.0) * 10 - 1e-9) / 10)


def _axis(drawing: Drawing, words: Sequence[tuple[float, float, str, str]]) -> None:
    for x, y, text, anchor in words:
        drawing.add(_words(x, y, text, anchor=anchor))


def _words(x: float, y: float, text: str, anchor: str = "start") -> Any:
    return String(x, y, text, fontName="Helvetica", fontSize=8, fillColor=INK, textAnchor=anchor)


def _short(name: str, longest: int = 26) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
