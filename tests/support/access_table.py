"""Who may do what, as tables for docs/privacy.md: from the API's own document, and by trying it in the database."""

from collections import defaultdict
from typing import Any

from stressvision_control.security import ROLES as ORDER
from stressvision_store.retention_report import PURPOSES
from support.database import Database
from support.raw_access import Intruder, functions, relations

ROLES = (
    "stressvision_ingest",
    "stressvision_control",
    "stressvision_worker",
    *(f"grafana_{who}" for who in ("hr", "safety", "ops")),
)
OPEN = "anybody"


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


def grants(database: Database) -> list[str]:
    """Lines of a table: each table about people; then all else, together where roles may do the same to it.

    Each role tries each thing, by SQL of its own.
    """
    named = {f"`{purpose.table}`": purpose.table for purpose in PURPOSES}
    about_people = set(named.values())
    cells: dict[str, list[str]] = defaultdict(list)
    for role in ROLES:
        with Intruder(database, role) as intruder:
            for relation in relations(database):
                cells[relation.name].append(intruder.may(relation))
            for function in functions(database):
                cells[f"{function.name}()"].append(intruder.may_call(function))
    alike: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, said in cells.items():
        if name not in about_people:
            alike[tuple(said)].append(f"`{name}`")
    lines = {**{name: tuple(cells[table]) for name, table in named.items()},
             **{" ".join(sorted(names)): said for said, names in alike.items()}}  # fmt: skip
    return [f"| {name} | {' | '.join(said)} |" for name, said in lines.items()]
