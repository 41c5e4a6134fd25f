"""A year of a plant whose last weeks are there in full: what was published is repeated into the past."""

import psycopg

from support.database import Database
from support.rollups import COLUMNS

_ROWS = {
    "rollup_shifts": f"employee_id, shift_id, site_id, scheduled_ms, state, revision, {COLUMNS}",
    "rollup_areas": f"area_id, shift_id, site_id, employees, scheduled_ms, state, revision, {COLUMNS}",
}
_ROLLUPS = """
INSERT INTO {table} (shift_date, starts_at, ends_at, {columns})
SELECT shift_date - n * %(days)s, starts_at - n * %(days)s * interval '1 day',
    ends_at - n * %(days)s * interval '1 day', {columns}
FROM {table}, generate_series(1, %(times)s) n
"""
_DAYS = """
INSERT INTO published_days (shift_date, site_id, k, cells, hour_cells)
SELECT shift_date - n * %(days)s, site_id, k, cells, hour_cells FROM published_days, generate_series(1, %(times)s) n
"""
_SHARES = "observed_hours, coverage, stress_share, fatigue_share"
_KEPT = f"{_SHARES}, stress_episodes_per_hour, fatigue_episodes_per_hour, hours, model_versions, computed_at"
_CELLS = f"""
WITH cells AS (
    INSERT INTO published_cells (site_id, shift_date, area_id, shift_id, people, starts_at, {_KEPT})
    SELECT site_id, shift_date - n * %(days)s, area_id, shift_id, people, starts_at - n * %(days)s * interval '1 day',
        {_KEPT}
    FROM published_cells, generate_series(1, %(times)s) n
    RETURNING *)
INSERT INTO published_hours (
    cell_id, hour_of_shift, site_id, shift_date, area_id, shift_id, hour_at, weekday, local_hour, people,
    {_SHARES})
SELECT c.id, h.hour_of_shift, c.site_id, c.shift_date, c.area_id, c.shift_id,
    c.starts_at + h.hour_of_shift * interval '1 hour', h.weekday, h.local_hour, h.people,
    h.{_SHARES.replace(", ", ", h.")}
FROM published_hours h
JOIN cells c ON c.area_id = h.area_id AND c.shift_id = h.shift_id AND (h.shift_date - c.shift_date) %% %(days)s = 0
"""


def repeat(database: Database, *, days: int, times: int) -> None:
    """Copy the `days` days that are there so many times into the past: shifts, areas, figures, but no five minutes."""
    statements = [_ROLLUPS.format(table=table, columns=columns) for table, columns in _ROWS.items()]
    with psycopg.connect(database.url("owner")) as connection:
        for statement in (*statements, _DAYS, _CELLS):
            connection.execute(statement.encode(), {"days": days, "times": times})
        connection.commit()
        connection.execute("ANALYZE")
