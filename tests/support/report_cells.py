"""Cells area × shift × day written straight into the rollups, for what reads the views made of them."""

from dataclasses import dataclass
from datetime import date

import psycopg

from support.database import Database
from support.publication import people_of_areas, publish
from support.rollups import COLUMNS


@dataclass(frozen=True)
class GivenCell:
    """`tired`, `stressed`, `sad`, `happy`: shares of the observed time; half of the scheduled time was observed."""

    area: int
    shift: int
    day: date
    people: int
    tired: float = 0.1
    stressed: float = 0.2
    sad: float = 0.0
    happy: float = 0.0
    observed_of_scheduled: float = 0.5


def write_places(database: Database, areas: int, shifts: int, *, profile: str = "safety") -> None:
    """Site 1, areas 1 … and shifts 1 …, in place of all that was there."""
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute(
            "TRUNCATE sites, areas, shifts, stations, employees, rollup_areas, rollup_shifts RESTART IDENTITY CASCADE"
        )
        connection.execute(
            "INSERT INTO sites (name, time_zone, profile) VALUES ('Lima', 'America/Lima', %s)", [profile]
        )
        for area in range(1, areas + 1):
            connection.execute("INSERT INTO areas (site_id, name) VALUES (1, %s)", [f"Área {area}"])
        for shift in range(1, shifts + 1):
            connection.execute(
                "INSERT INTO shifts (site_id, name, starts, ends) VALUES (1, %s, '06:00', '14:00')", [f"T{shift}"]
            )


def write_cells(database: Database, cells: list[GivenCell]) -> None:
    names = (
        "area_id, shift_id, shift_date, site_id, employees, starts_at, ends_at, scheduled_ms, state, revision, "
        f"{COLUMNS}"
    )
    values = ", ".join(["%s"] * 26)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        for cell in cells:
            observed = cell.people * 3_600_000
            shares = (cell.stressed, cell.sad, cell.happy, cell.tired)
            seen = [round(observed * share) for share in shares]
            row = [
                cell.area, cell.shift, cell.day, 1, cell.people, cell.day, cell.day,
                round(observed / cell.observed_of_scheduled), "final", 0,
                1, observed, observed, observed - sum(seen), *seen, 0, 0, 0, 0, 0, 1,
                2 * cell.people, ["m1"],
            ]  # fmt: skip
            connection.execute(f"INSERT INTO rollup_areas ({names}) VALUES ({values})", row)  # type: ignore[call-overload]
        people_of_areas(connection)
    publish(database)


def published(database: Database) -> set[tuple[str, str, date]]:
    """Which cells the role of Human Resources can read."""
    with psycopg.connect(database.url("grafana_hr")) as connection:
        rows = connection.execute("SELECT area, shift, shift_date FROM hr.group_shifts").fetchall()
    return {(str(area), str(shift), day) for area, shift, day in rows}
