"""The dossier as pages and paper in both languages, and its facts, in one archive."""

import io
import json
import zipfile
from typing import Any, Final
from xml.sax.saxutils import escape

from jinja2 import Environment, PackageLoader, select_autoescape
from reportlab.lib import pagesizes
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Paragraph, SimpleDocTemplate, Table, TableStyle

from stressvision_store.dossier import history, impact, model_card, register
from stressvision_store.dossier.document import Document, Grid, Text, Voice
from stressvision_store.dossier.facts import Facts
from stressvision_store.languages import LANGUAGES, Language

WIDTH: Final = 499.0
"""Of the type area, in points."""

_PLAIN = ParagraphStyle("plain", fontName="Helvetica", fontSize=9, leading=12, spaceAfter=4)
_SMALL = ParagraphStyle("small", parent=_PLAIN, fontSize=7.5, leading=9.5, spaceAfter=0, splitLongWords=1)
_BOLD = ParagraphStyle("bold", parent=_SMALL, fontName="Helvetica-Bold")
_HEADS = {
    2: ParagraphStyle("chapter", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=13, leading=17, spaceBefore=14,
                      keepWithNext=1),
    3: ParagraphStyle("part", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=10.5, leading=14, spaceBefore=8,
                      keepWithNext=1),
}  # fmt: skip
_TITLE = ParagraphStyle("title", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=18, leading=24)
_LINES = TableStyle([("LINEBELOW", (0, 0), (-1, -1), 0.4, HexColor("#BBBBBB")), ("VALIGN", (0, 0), (-1, -1), "TOP"),
                     ("LEFTPADDING", (0, 0), (-1, -1), 2), ("RIGHTPADDING", (0, 0), (-1, -1), 4)])  # fmt: skip


def lay_out(facts: Facts, language: Language) -> Document:
    """The same facts in either language."""
    say = Voice(language)
    sections = (
        *impact.chapters(facts, say),
        *register.chapter(facts, say),
        *model_card.chapters(facts, say),
        *history.chapters(facts, say),
        register.annex(facts, say),
        history.annex(facts, say),
    )
    subtitle = say("subtitle", moment=say.moment(facts["made_at"]))
    return Document(language, say("title"), subtitle, sections)


def archive(facts: Facts) -> bytes:
    """A zip of `facts.json` and, in each language, a page and paper. Its members have fixed names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("facts.json", json.dumps(facts, ensure_ascii=False, indent=1))
        for language in LANGUAGES:
            document = lay_out(facts, language)
            packed.writestr(f"dossier.{language}.html", page(document))
            packed.writestr(f"dossier.{language}.pdf", paper(document))
    return file.getvalue()


def page(document: Document) -> bytes:
    environment = Environment(
        loader=PackageLoader("stressvision_store.dossier", "."),
        autoescape=select_autoescape(default=True, default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("dossier.html").render(document=document).encode()


def paper(document: Document) -> bytes:
    file = io.BytesIO()
    built = SimpleDocTemplate(
        file, pagesize=pagesizes.A4, title=document.title, lang=document.language, author="Stress Vision", invariant=1,
        leftMargin=48, rightMargin=48, topMargin=42, bottomMargin=42,
    )  # fmt: skip
    story: list[Any] = [_paragraph(document.title, _TITLE), _paragraph(document.subtitle, _PLAIN)]
    for section in document.sections:
        story.append(_paragraph(section.title, _HEADS[section.level]))
        for block in section.blocks:
            story += [_paragraph(block.text, _PLAIN)] if isinstance(block, Text) else _table(block)
    built.build(story)
    return file.getvalue()


def _table(grid: Grid) -> list[Any]:
    rows = [[_paragraph(cell, _BOLD) for cell in grid.header]] if grid.header else []
    rows += [[_paragraph(cell, _SMALL) for cell in row] for row in grid.rows]
    if not rows:
        return []
    widths = [share * WIDTH for share in grid.widths]
    repeated = 1 if grid.header else 0
    return [
        Table(
            rows,
            colWidths=widths,
            style=_LINES,
            hAlign="LEFT",
            repeatRows=repeated,
            spaceBefore=4,
            spaceAfter=6,
            splitInRow=1,  # a licence note may be longer than a page
        )
    ]


def _paragraph(text: str, style: ParagraphStyle) -> Any:
    return Paragraph(escape(text), style)
