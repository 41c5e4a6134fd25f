"""Publishing the figures of groups: a site's day at once, when it is over and quiet; never again, never otherwise.

What changes afterwards (late events, roster edits) shows in no figure: the difference of two figures of one group would
speak of whoever made it. An erasure withdraws every figure that the person is in.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import text
from sqlmodel import Session

from stressvision_store import publication_statements as statements
from stressvision_store.marks import lock_sites
from stressvision_store.publication_tables import SMALLEST_GROUP
from stressvision_store.suppression import Cell, publishable_cells, publishable_hours

PATIENCE = "2s"
"""For an edit or a drain that holds the site; the day waits for the next time then."""

Day = tuple[int, date]
"""A site and a shift date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What came of publishing one day: all cells, the hours of those that are shown, and how many are shown of each."""

    cells: int
    shown_cells: int
    hours: int
    shown_hours: int


def due_days(session: Session, *, quiet: timedelta, limit: int = 100) -> list[Day]:
    """Days to publish, oldest first: every shift is over and nothing has changed for as long as `quiet`."""
    return _due(session, quiet=quiet, limit=limit)


def publish_day(session: Session, day: Day, *, k: int, quiet: timedelta) -> Published | None:
    """Publish a site's day; None when it is not due (any more). Commit afterwards.

    Holds the rollups of the site until then. Raise `ValueError` for a `k` below `SMALLEST_GROUP`, `OperationalError`
    when a roster edit or a drain holds the site for long.
    """
    if k < SMALLEST_GROUP:
        raise ValueError(f"groups of {k} are too small to publish; the least is {SMALLEST_GROUP}")
    site_id, shift_date = day
    key = {"site_id": site_id, "shift_date": shift_date}
    session.execute(text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": PATIENCE})
    lock_sites(session, [site_id])
    if not _due(session, quiet=quiet, limit=1, site_id=site_id, shift_date=shift_date):
        return None
    hours = _people(session, key)
    cells = {cell: frozenset().union(*of_cell.values()) for cell, of_cell in hours.items()}
    shown = {cell: sorted(publishable_hours(hours[cell], k)) for cell in sorted(publishable_cells(cells, k))}
    published = Published(
        cells=int(session.scalar(text(statements.CELLS), key) or 0),
        shown_cells=len(shown),
        # of a withheld cell, the number of hours would say for how long its few people were seen
        hours=sum(len(hours[cell]) for cell in shown),
        shown_hours=sum(len(of_cell) for of_cell in shown.values()),
    )
    new = {**key, "k": k, "cells": published.cells, "hour_cells": published.hours}
    if session.execute(text(statements.PUBLISH_DAY), new).first() is None:
        return None
    _write(session, key, shown)
    session.execute(text(statements.TAKE_SPANS), key)
    return published


def changed_cells(session: Session) -> int:
    """Cells whose rollup has changed since their day was published, which no figure shows."""
    return int(session.scalar(text(statements.CHANGED)) or 0)


def withdraw_person(session: Session, employee_id: int) -> int:
    """Take away every figure that a person is in, and the reports made of it; return how many cells went."""
    return int(session.scalar(text("SELECT withdraw_figures(:employee)"), {"employee": employee_id}) or 0)


def published_dates(session: Session) -> dict[str, list[str]]:
    """The days that are out, by site: kept with the backups, for `keep_unpublished`."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in session.execute(text("SELECT site_id, shift_date FROM published_days ORDER BY 1, 2")):
        found[str(row.site_id)].append(row.shift_date.isoformat())
    return dict(found)


def keep_unpublished(session: Session, found: Mapping[str, Sequence[str]]) -> int:
    """Never publish these days here, where they are not out: what a restore made of them differs from what was shown.

    Return how many days that are. Sites that are not there are passed over.
    """
    statement = text(
        "INSERT INTO published_days (site_id, shift_date, k, cells, hour_cells) "
        "SELECT id, unnest(:days ::date[]), :k, 0, 0 FROM sites WHERE id = :site_id ON CONFLICT DO NOTHING "
        "RETURNING site_id"
    )
    keys = [{"site_id": int(site), "days": days, "k": SMALLEST_GROUP} for site, days in found.items()]
    return sum(len(session.execute(statement, key).all()) for key in keys)


def _due(
    session: Session, *, quiet: timedelta, limit: int, site_id: int | None = None, shift_date: date | None = None
) -> list[Day]:
    wanted = {"quiet": quiet, "limit": limit, "site_id": site_id, "shift_date": shift_date}
    return [(row.site_id, row.shift_date) for row in session.execute(text(statements.DUE), wanted)]


def _people(session: Session, key: dict[str, object]) -> dict[Cell, dict[int, frozenset[int]]]:
    """Who was observed in each hour of each cell."""
    hours: dict[Cell, dict[int, frozenset[int]]] = defaultdict(dict)
    for row in session.execute(text(statements.PEOPLE), key):
        hours[row.area_id, row.shift_id][row.hour_of_shift] = frozenset(row.people)
    return hours


def _write(session: Session, key: dict[str, object], shown: dict[Cell, list[int]]) -> None:
    if not shown:
        return
    chosen = {
        "areas": [area for area, _ in shown],
        "shifts": [shift for _, shift in shown],
        "hours": [len(hours) for hours in shown.values()],
    }
    rows = session.execute(text(statements.PUBLISH_CELLS), {**key, **chosen}).all()
    pairs = [(row.id, hour) for row in rows for hour in shown[row.area_id, row.shift_id]]
    if pairs:
        cells, of_cells = _columns(pairs)
        session.execute(text(statements.PUBLISH_HOURS), {**key, "cells": cells, "hours": of_cells})


def _columns(pairs: Iterable[tuple[int, int]]) -> tuple[Sequence[int], Sequence[int]]:
    firsts, seconds = zip(*pairs, strict=True)
    return list(firsts), list(seconds)
