"""A report as a page (HTML that needs nothing else), as paper (PDF), and its cells as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup
from reportlab.lib import pagesizes
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import KeepTogether, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from stressvision_store.languages import Language
from stressvision_store.reports.drawings import as_svg
from stressvision_store.reports.figures import Cell, Figures
from stressvision_store.reports.sheet import Sheet, lay_out

Format = Literal["html", "pdf"]
MOODS: Final = ("sad_share", "happy_share")
MEDIA_TYPES: Final[dict[Format, str]] = {"html": "text/html; charset=utf-8", "pdf": "application/pdf"}

_PLAIN = ParagraphStyle("plain", fontName="Helvetica", fontSize=9, leading=12)
_SMALL = ParagraphStyle("small", parent=_PLAIN, fontSize=8, leading=10.5)
_HEAD = ParagraphStyle("head", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=11, leading=15, spaceBefore=8)
_TITLE = ParagraphStyle("title", parent=_HEAD, fontSize=16, leading=20)
_LINES = TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#BBBBBB")), ("VALIGN", (0, 0), (-1, -1), "TOP")])


def render(figures: Figures, language: Language, kind: Format) -> bytes:
    """The same facts in either format."""
    sheet = lay_out(figures, language)
    return _page(sheet) if kind == "html" else _paper(sheet)


def cells_csv(cells: Sequence[Cell], *, with_moods: bool) -> str:
    """Published cells as they are; what is empty is not enough data. Without moods there are no columns for them."""
    names = [item.name for item in fields(Cell) if with_moods or item.name not in MOODS]
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    for cell in cells:
        values = (getattr(cell, name) for name in names)
        writer.writerow(["" if value is None else _inert(value) for value in values])
    return file.getvalue()


def _inert(value: Any) -> str:
    """A name that a spreadsheet would take for a formula is kept from being one."""
    shown = str(value)
    return f"'{shown}" if isinstance(value, str) and shown[:1] in "=+-@\t\r" else shown


def _page(sheet: Sheet) -> bytes:
    environment = Environment(
        loader=PackageLoader("stressvision_store.reports", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plots = [
        (caption, Markup(as_svg(drawing, caption, str(place))))  # noqa: S704  # drawn here, names escaped
        for place, (caption, drawing) in enumerate(sheet.plots)
    ]
    return environment.get_template("report.html").render(sheet=sheet, plots=plots).encode()


def _paper(sheet: Sheet) -> bytes:
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file, pagesize=pagesizes.A4, title=sheet.title, lang=sheet.language, author="Stress Vision", invariant=1,
        leftMargin=48, rightMargin=48, topMargin=42, bottomMargin=42,
    )  # fmt: skip
    facts = [[_paragraph(name, _SMALL), _paragraph(value, _SMALL)] for name, value in sheet.facts]
    story: list[Any] = [
        _paragraph(sheet.title, _TITLE),
        _paragraph(sheet.subtitle, _PLAIN),
        Spacer(1, 8),
        Table(facts, colWidths=[250, 249], style=_LINES, hAlign="LEFT"),
    ]
    if sheet.note is not None:
        story += [Spacer(1, 8), _paragraph(sheet.note, _PLAIN)]
    for caption, drawing in sheet.plots:
        story.append(KeepTogether([_paragraph(caption, _HEAD), drawing]))
    if sheet.rows:
        cells = [[_paragraph(cell, _SMALL) for cell in row] for row in (sheet.header, *sheet.rows)]
        story += [
            Spacer(1, 8),
            Table(cells, colWidths=[499 / len(sheet.header)] * len(sheet.header), style=_LINES, repeatRows=1),
        ]
    story += [_paragraph(sheet.method_title, _HEAD), *(_paragraph(each, _SMALL) for each in sheet.method)]
    document.build(story)
    return file.getvalue()


def _paragraph(text: str, style: ParagraphStyle) -> Any:
    return Paragraph(escape(text), style)
