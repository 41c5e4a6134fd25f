"""Who may read what, asked of the database and of the API themselves rather than of a page about them."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlmodel import Session

from stressvision_store.retention_report import PURPOSES
from stressvision_store.roles import DASHBOARDS, SERVICES

OPEN: Final = "–"
"""In the place of the roles of a route that asks for none."""

GRANTS: Final = """
-- has_table_privilege
SELECT r.role, t.table_name,
    has_table_privilege(r.role, t.table_name, 'SELECT') AS reads_all,
    has_any_column_privilege(r.role, t.table_name, 'SELECT') AS reads_some,
    has_table_privilege(r.role, t.table_name, 'INSERT') OR has_any_column_privilege(r.role, t.table_name, 'INSERT')
        OR has_any_column_privilege(r.role, t.table_name, 'UPDATE') AS writes,
    has_table_privilege(r.role, t.table_name, 'DELETE') AS deletes
FROM unnest(CAST(:roles AS text[])) AS r(role), unnest(CAST(:tables AS text[])) AS t(table_name)
ORDER BY r.role, t.table_name
"""
VIEWS: Final = """
-- has_table_privilege
SELECT r.role, n.nspname || '.' || c.relname AS view
FROM unnest(CAST(:roles AS text[])) AS r(role), pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname IN ('hr', 'safety', 'ops') AND c.relkind IN ('v', 'm', 'r')
  AND has_schema_privilege(r.role, n.oid, 'USAGE') AND has_table_privilege(r.role, c.oid, 'SELECT')
ORDER BY 1, 2
"""


def grants(session: Session) -> list[dict[str, Any]]:
    """Of every table about people and every role that logs in, services and dashboards, what it may do."""
    wanted = {"roles": [*SERVICES, *DASHBOARDS], "tables": [purpose.table for purpose in PURPOSES]}
    return [dict(row._mapping) for row in session.execute(text(GRANTS), wanted)]


def views(session: Session) -> list[dict[str, Any]]:
    """The views that each dashboard's role may read."""
    return [dict(row._mapping) for row in session.execute(text(VIEWS), {"roles": list(DASHBOARDS)})]


def routes(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of the API's own description (OpenAPI with `x-roles`): each set of roles with the routes that are for it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            found[", ".join(operation.get("x-roles", [])) or OPEN].append(f"{method.upper()} {path}")
    return [{"roles": roles, "routes": sorted(paths)} for roles, paths in sorted(found.items())]
