"""Who may do what, as tables for docs/privacy.md: made from the API's own document and from the database's grants."""

from collections import defaultdict
from typing import Any

import psycopg

from stressvision_control.security import ROLES as ORDER
from stressvision_store.retention_report import PURPOSES

ROLES = (
    "stressvision_ingest",
    "stressvision_control",
    "stressvision_worker",
    *(f"grafana_{who}" for who in ("hr", "safety", "ops")),
)
LETTERS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
OPEN = "anybody"

_GRANT = """
SELECT has_table_privilege(%(role)s, %(table)s, %(right)s),
    %(right)s <> 'DELETE' AND has_any_column_privilege(%(role)s, %(table)s, %(right)s)
"""


def routes(document: dict[str, Any]) -> list[str]:
    """Lines of a table: the roles, and the routes that are for exactly these."""
    by_roles: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            roles = ", ".join(sorted(operation.get("x-roles", []), key=ORDER.index)) or OPEN
            by_roles[roles].append(f"`{method.upper()} {path}`")
    return [f"| {roles} | {' '.join(sorted(found, key=_by_path))} |" for roles, found in sorted(by_roles.items())]


def _by_path(route: str) -> tuple[str, str]:
    method, path = route.strip("`").split()
    return path, method


def grants(owner_url: str) -> list[str]:
    """Lines of a table: of each table about people what each role may; in brackets, of some columns only."""
    lines = []
    with psycopg.connect(owner_url) as connection:
        for purpose in PURPOSES:
            cells = [_cell(connection, role, purpose.table) for role in ROLES]
            lines.append(f"| `{purpose.table}` | {' | '.join(cells)} |")
    return lines


def _cell(connection: psycopg.Connection[Any], role: str, table: str) -> str:
    said = ""
    for letter, right in LETTERS.items():
        row = connection.execute(_GRANT, {"role": role, "table": table, "right": right}).fetchone()
        assert row is not None
        whole, partly = row
        said += letter if whole else f"({letter})" if partly else ""
    return said or "–"
