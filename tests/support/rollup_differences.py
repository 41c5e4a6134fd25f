"""How the rollups of a database differ from what the oracle says of its raw events and workforce."""

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from support.rollup_oracle import Oracle, Rollups, Row

WORKFORCE = (
    "sites",
    "areas",
    "stations",
    "placements",
    "shifts",
    "shift_breaks",
    "assignments",
    "check_ins",
    "consents",
    "objections",
)


def read_tables(url: str) -> dict[str, list[Row]]:
    """What the oracle needs, read in one snapshot."""
    tables = {}
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for name in (*WORKFORCE, "events"):
            tables[name] = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()
    return tables


KEYS = {
    "rollup_windows": ("device_id", "bucket_at", "employee_id", "shift_id", "shift_date"),
    "unattributed_windows": ("device_id", "bucket_at", "reason"),
    "rollup_shifts": ("employee_id", "shift_id", "shift_date"),
    "rollup_areas": ("area_id", "shift_id", "shift_date"),
}
LIFE = {"computed_at", "finalised_at", "state", "revision"}
"""Columns that tell a row's history, which no recompute can know."""


def read_rollups(url: str) -> Rollups:
    """What the database holds, in the same shape."""
    rollups: Rollups = {}
    with psycopg.connect(url, row_factory=dict_row) as connection:
        for name, key in KEYS.items():
            rows = connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()
            rollups[name] = {
                tuple(row[column] for column in key): {k: v for k, v in row.items() if k not in key and k not in LIFE}
                for row in rows
            }
    return rollups


def differences(expected: Rollups, found: Rollups) -> list[str]:
    """One line for each wrong, missing or spare row."""
    lines = []
    for name in KEYS:
        for key in sorted(expected[name].keys() | found[name].keys(), key=repr):
            want, got = expected[name].get(key), found[name].get(key)
            if want != got:
                lines.append(f"{name} {key}: expected {want}, found {got}")
    return lines


def wrong_rows(url: str) -> list[str]:
    """How the rollups of a database differ from what its raw events and workforce say."""
    return differences(Oracle(read_tables(url)).rollups(), read_rollups(url))
