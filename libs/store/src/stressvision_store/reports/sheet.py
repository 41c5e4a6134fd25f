"""A report as facts, plots, a table and what limits it, before it becomes a page or paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from stressvision_store.languages import Language
from stressvision_store.reports import drawings
from stressvision_store.reports.figures import Cell, Figures, Measure, weighted
from stressvision_store.reports.texts import TEXTS

MOODS: Final[tuple[tuple[str, Measure], ...]] = (("sad", "sad_share"), ("happy", "happy_share"))
SMALLEST: Final = 5
"""The fewest people that any published group may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """`plots`: (caption, drawing)."""

    language: Language
    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    plots: tuple[tuple[str, Any], ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str | None
    method_title: str
    method: tuple[str, ...]


def lay_out(figures: Figures, language: Language) -> Sheet:
    """The same for HTML and PDF. Without a shift it is the weekly report."""
    words = TEXTS[language]
    if figures.shift is not None:
        hours = f" ({figures.starts:%H:%M}–{figures.ends:%H:%M})" if figures.starts and figures.ends else ""
        title = f"{words['shift_title']}: {figures.site}, {figures.shift}"
        subtitle = f"{words['date']} {figures.first_date.isoformat()}{hours}, {figures.time_zone}"
        header, rows = _shift_table(figures, words)
    else:
        year, week, _ = figures.first_date.isocalendar()
        title = f"{words['week_title']}: {figures.site}"
        dates = f"{figures.first_date.isoformat()} … {figures.last_date.isoformat()}"
        subtitle = f"{words['week']} {year}-W{week:02} ({dates}), {figures.time_zone}"
        header, rows = _week_table(figures, words)
    return Sheet(
        language=language,
        title=title,
        subtitle=subtitle,
        facts=tuple(_facts(figures, words)),
        plots=tuple(_plots(figures, words)),
        header=header,
        rows=rows,
        note=None if figures.cells else words["nothing"],
        method_title=words["method_title"],
        method=_method(figures, words),
    )


def _method(figures: Figures, words: dict[str, str]) -> tuple[str, ...]:
    smallest = min((cell.k for cell in figures.cells), default=SMALLEST)
    said = [words[f"method_{n}"].format(k=smallest) for n in range(1, 5)]
    return (*said, words["method_moods"]) if figures.with_moods else tuple(said)


def share_text(share: float | None, words: dict[str, str]) -> str:
    if share is None:
        return words["none"]
    if share <= 0.01:
        return words["at_most"]
    return words["at_least"] if share >= 0.99 else f"{share * 100:.0f} %"


def _facts(figures: Figures, words: dict[str, str]) -> list[tuple[str, str]]:
    facts = []
    measures: list[tuple[str, Measure]] = [("fatigue", "fatigue_share")]
    if figures.with_stress:
        measures.append(("stress", "stress_share"))
    for name, measure in measures:
        facts.append((words[name], _compared(figures, measure, words)))
        facts.append((words["usual"], _usual(figures, measure, words)))
    if figures.with_moods:
        facts += [(words[name], share_text(figures.mean(measure), words)) for name, measure in MOODS]
    coverage = figures.coverage
    facts.append((words["coverage"], words["none"] if coverage is None else f"{coverage * 100:.0f} %"))

    def counted(count: int) -> str:
        return words["of_cells"].format(count=count, all=figures.all_cells)

    published = figures.all_cells - figures.withheld_cells
    facts += [
        (words["published"], counted(published)),
        (words["withheld"], counted(figures.withheld_cells)),
        (words["thin"], counted(figures.thin_cells)),
    ]
    if figures.published_at is not None:
        local = figures.published_at.astimezone(ZoneInfo(figures.time_zone))
        facts.append((words["published_at"], f"{local:%Y-%m-%d %H:%M}"))
    return facts


def _compared(figures: Figures, measure: Measure, words: dict[str, str]) -> str:
    share, band = figures.mean(measure), figures.band(measure)
    if share is None or band is None:
        return share_text(share, words)
    place = "above" if share > band.high else "below" if share < band.low else "within"
    return f"{share_text(share, words)}: {words[place]}"


def _usual(figures: Figures, measure: Measure, words: dict[str, str]) -> str:
    band = figures.band(measure)
    if band is None:
        return words["no_usual"]
    return words["usual_range"].format(low=f"{band.low * 100:.0f} %", high=f"{band.high * 100:.0f} %", days=band.days)


def _plots(figures: Figures, words: dict[str, str]) -> list[tuple[str, Any]]:
    if not figures.cells:
        return []
    band = figures.band("fatigue_share")
    plots = []
    if figures.shift is not None:
        rows = [(cell.area, cell.fatigue_share) for cell in figures.cells]
        parts = drawings.by_area(rows, band, words["none"])
        pages = [f" ({place}/{len(parts)})" if len(parts) > 1 else "" for place in range(1, len(parts) + 1)]
        plots += [(words["areas_plot"] + page, part) for page, part in zip(pages, parts, strict=True)]
    days = [(day.day, day.fatigue_share) for day in figures.days]
    plots.append((words["days_plot"], drawings.by_day(days, band)))
    if figures.with_stress:
        stress = [(day.day, day.stress_share) for day in figures.days]
        plots.append((words["stress_plot"], drawings.by_day(stress, figures.band("stress_share"), stress=True)))
    return plots


def _measures(cells: Sequence[Cell], figures: Figures, words: dict[str, str]) -> list[str]:
    """Coverage, shares and episodes of some cells together."""
    coverage = weighted(cells, lambda cell: cell.coverage)
    episodes = weighted(cells, lambda cell: cell.fatigue_episodes_per_hour)
    shown = [
        words["none"] if coverage is None else f"{coverage * 100:.0f} %",
        share_text(weighted(cells, lambda cell: cell.fatigue_share), words),
        words["none"] if episodes is None else f"{episodes:.2f}",
    ]
    if figures.with_stress:
        shown.insert(2, share_text(weighted(cells, lambda cell: cell.stress_share), words))
    if figures.with_moods:
        shown.append(share_text(weighted(cells, lambda cell: cell.sad_share), words))
        shown.append(share_text(weighted(cells, lambda cell: cell.happy_share), words))
    return shown


def _columns(figures: Figures, words: dict[str, str]) -> list[str]:
    names = ["coverage_short", "fatigue_short", *(["stress_short"] if figures.with_stress else []), "episodes_short"]
    names += [f"{name}_short" for name, _ in MOODS] if figures.with_moods else []
    return [words[name] for name in names]


def _shift_table(figures: Figures, words: dict[str, str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    header = (words["area"], words["people"], words["hours"], *_columns(figures, words))
    rows = [
        (cell.area, str(cell.people), f"{cell.observed_hours:.0f}", *_measures([cell], figures, words))
        for cell in figures.cells
    ]
    return header, tuple(rows)


def _week_table(figures: Figures, words: dict[str, str]) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    header = (words["area"], words["shift"], words["days_short"], words["hours"], *_columns(figures, words))
    rows = []
    ordered = sorted(figures.cells, key=lambda cell: (cell.area, cell.shift))
    for (area, shift), group in groupby(ordered, key=lambda cell: (cell.area, cell.shift)):
        cells = list(group)
        hours = f"{sum(cell.observed_hours for cell in cells):.0f}"
        rows.append((area, shift, str(len(cells)), hours, *_measures(cells, figures, words)))
    return header, tuple(rows)
