"""The numbers of a report, read from schema `hr` alone: whoever makes it, it holds what Human Resources may see.

Means are over published cells, weighted by observed hours; nothing here can be subtracted to give a withheld cell.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import fmean, stdev
from typing import Final, Literal

from sqlalchemy import text
from sqlmodel import Session

from stressvision_store.refusals import InvalidError, NotFoundError

BASELINE_DAYS: Final = 28
FEWEST_DAYS: Final = 7
"""With fewer days before, there is no telling what is usual."""

WITH_MOODS: Final = "full"
"""The profile under which figures of groups say of signs of sadness and joy, too."""

Measure = Literal["fatigue_share", "stress_share", "sad_share", "happy_share"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One area × shift × day as published. Shares are of observed time; None says not enough data.

    `sad_share` and `happy_share` exist under the profile `full` alone. `k`: how many people a group had at least.
    """

    area: str
    shift: str
    shift_date: date
    people: int
    observed_hours: float
    coverage: float | None
    stress_share: float | None
    fatigue_share: float | None
    stress_episodes_per_hour: float | None
    fatigue_episodes_per_hour: float | None
    sad_share: float | None
    happy_share: float | None
    k: int
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Band:
    """What is usual at this site: mean and two deviations of the days before; None with fewer than seven."""

    mean: float
    low: float
    high: float
    days: int


@dataclass(frozen=True, slots=True)
class Day:
    """A day's mean over the published cells of the report's selection."""

    day: date
    fatigue_share: float | None
    stress_share: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """`cells`: of the period; `days`: of the period and the 28 days before; `shift` None: of all shifts.

    `all_cells`, `withheld_cells` and `thin_cells` count the site's cells of these days, over all shifts.
    """

    site: str
    time_zone: str
    with_stress: bool
    with_moods: bool
    shift: str | None
    starts: time | None
    ends: time | None
    first_date: date
    last_date: date
    cells: tuple[Cell, ...]
    days: tuple[Day, ...]
    all_cells: int
    withheld_cells: int
    thin_cells: int

    @property
    def published_at(self) -> datetime | None:
        return max((cell.published_at for cell in self.cells), default=None)

    def mean(self, measure: Measure) -> float | None:
        return weighted(self.cells, lambda cell: getattr(cell, measure))

    @property
    def coverage(self) -> float | None:
        return weighted(self.cells, lambda cell: cell.coverage)

    def band(self, measure: Measure) -> Band | None:
        """Of the days before the period alone."""
        before = [getattr(day, measure) for day in self.days if day.day < self.first_date]
        shares = [share for share in before if share is not None]
        if len(shares) < FEWEST_DAYS:
            return None
        mean, spread = fmean(shares), stdev(shares)
        return Band(mean, max(0.0, mean - 2 * spread), min(1.0, mean + 2 * spread), len(shares))


def weighted(cells: Sequence[Cell], value: Callable[[Cell], float | None]) -> float | None:
    """The mean over the cells that have a value, by observed hours; a cell of less than half an hour counts as one."""
    known = [(each, max(cell.observed_hours, 1.0)) for cell in cells if (each := value(cell)) is not None]
    return sum(each * hours for each, hours in known) / sum(hours for _, hours in known) if known else None


_SITE = "SELECT site, time_zone, profile FROM hr.sites WHERE site_id = :site_id"
_SHIFT = "SELECT shift, starts, ends FROM hr.shifts WHERE shift_id = :shift_id AND site_id = :site_id"
_CELLS = """
SELECT area, shift, shift_date, people, observed_hours::float, coverage::float, stress_share::float,
    fatigue_share::float, stress_episodes_per_hour::float, fatigue_episodes_per_hour::float,
    sad_share::float, happy_share::float, k, published_at
FROM hr.group_shifts
WHERE site_id = :site_id AND shift_date BETWEEN :since AND :until
  AND (:shift_id ::integer IS NULL OR shift_id = :shift_id)
ORDER BY shift_date, area, shift
"""
_WITHHELD = """
SELECT coalesce(sum(cells), 0) AS cells, coalesce(sum(withheld_cells), 0) AS withheld,
    coalesce(sum(thin_cells), 0) AS thin
FROM hr.withheld WHERE site_id = :site_id AND shift_date BETWEEN :since AND :until
"""


def shift_figures(session: Session, *, site_id: int, shift_id: int, day: date) -> Figures:
    """Of one occurrence of a shift. Raise `NotFoundError` for a site or shift that is not there, or is off."""
    return _figures(session, site_id, shift_id, day, day)


def week_figures(session: Session, *, site_id: int, monday: date) -> Figures:
    """Of a site's seven days from `monday` on, over all shifts."""
    return _figures(session, site_id, None, monday, monday + timedelta(days=6))


def period_cells(session: Session, *, site_id: int, first_date: date, last_date: date) -> tuple[list[Cell], bool]:
    """Every published cell of a site in these days, both included; a year at most. And whether they have moods."""
    if not timedelta(0) <= last_date - first_date <= timedelta(days=366):
        raise InvalidError("the last day is not before the first, nor more than a year after", field="last_date")
    _, _, profile = _found(session, _SITE, "site", site_id=site_id)
    return _cells(session, site_id, None, first_date, last_date), profile == WITH_MOODS


def monday_of(week: str) -> date:
    """The first day of an ISO week, written 2026-W47."""
    match = re.fullmatch(r"(20\d\d)-W(\d\d)", week)
    try:
        return date.fromisocalendar(int(match[1]), int(match[2]), 1) if match else _no_week(week)
    except ValueError:
        return _no_week(week)


def _no_week(week: str) -> date:
    raise InvalidError(f"{week!r} is no ISO week; write it as 2026-W47", field="week")


def _found(session: Session, statement: str, noun: str, **key: int) -> tuple[object, ...]:
    row = session.execute(text(statement), key).first()
    if row is None:
        raise NotFoundError(f"there is no {noun} {key[f'{noun}_id']} to report on")
    return tuple(row)


def _cells(session: Session, site_id: int, shift_id: int | None, since: date, until: date) -> list[Cell]:
    wanted = {"site_id": site_id, "shift_id": shift_id, "since": since, "until": until}
    return [Cell(**row._mapping) for row in session.execute(text(_CELLS), wanted)]


def _figures(session: Session, site_id: int, shift_id: int | None, first: date, last: date) -> Figures:
    site, time_zone, profile = _found(session, _SITE, "site", site_id=site_id)
    shift, starts, ends = (
        (None, None, None) if shift_id is None else _found(session, _SHIFT, "shift", shift_id=shift_id, site_id=site_id)
    )
    cells = _cells(session, site_id, shift_id, first - timedelta(days=BASELINE_DAYS), last)
    counts = session.execute(text(_WITHHELD), {"site_id": site_id, "since": first, "until": last}).one()
    inside = tuple(cell for cell in cells if cell.shift_date >= first)
    return Figures(
        site=str(site),
        time_zone=str(time_zone),
        with_stress=profile != "fatigue_only",
        with_moods=profile == WITH_MOODS,
        shift=None if shift is None else str(shift),
        starts=starts if isinstance(starts, time) else None,
        ends=ends if isinstance(ends, time) else None,
        first_date=first,
        last_date=last,
        cells=inside,
        days=tuple(_days(cells)),
        all_cells=int(counts.cells),
        withheld_cells=int(counts.withheld),
        thin_cells=int(counts.thin),
    )


def _days(cells: Sequence[Cell]) -> list[Day]:
    def mean(day: date, measure: Measure) -> float | None:
        return weighted([cell for cell in cells if cell.shift_date == day], lambda cell: getattr(cell, measure))

    return [
        Day(day, mean(day, "fatigue_share"), mean(day, "stress_share"))
        for day in sorted({cell.shift_date for cell in cells})
    ]
