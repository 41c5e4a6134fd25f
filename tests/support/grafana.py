"""The committed dashboards as tests read them: panels, statements and expressions, macros replaced as by Grafana."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "infra" / "grafana" / "dashboards"

ROLES = {
    "stressvision-hr": "grafana_hr",
    "stressvision-safety": "grafana_safety",
    "stressvision-ops": "grafana_ops",
}
"""The database role behind each data source."""


@dataclass(frozen=True)
class Statement:
    """One SQL statement or PromQL expression: where it stands, and who runs it."""

    dashboard: str
    panel: str
    source: str
    text: str

    @property
    def role(self) -> str:
        return ROLES[self.source]

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}"


def dashboards() -> dict[str, dict[str, Any]]:
    """By path below the folder, such as `hr/groups.json`."""
    return {
        str(path.relative_to(FOLDER)): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.glob("*/*.json"))
    }


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel but the rows, those inside collapsed rows too."""
    for panel in board["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", [])


def _all() -> Iterator[Statement]:
    for board in dashboards().values():
        for variable in board["templating"].get("list", []):
            yield Statement(board["uid"], f"${variable['name']}", variable["datasource"]["uid"], variable["query"])
        for mark in board["annotations"].get("list", []):
            query = mark["target"]
            yield Statement(
                board["uid"], f"@{mark['name']}", query["datasource"]["uid"], query.get("rawSql") or query["expr"]
            )
        for panel in panels(board):
            for target in panel.get("targets", []):
                text = target.get("rawSql") or target["expr"]
                yield Statement(board["uid"], panel["title"], target["datasource"]["uid"], text)


def statements() -> list[Statement]:
    """Every SQL statement of every dashboard, those of variables too."""
    return [statement for statement in _all() if statement.source in ROLES]


def expressions() -> list[Statement]:
    """Every PromQL expression of every dashboard."""
    return [statement for statement in _all() if statement.source not in ROLES]


def expand(sql: str, choices: dict[str, list[str]], first: datetime, last: datetime) -> str:
    """`sql` as the server gets it, with `choices` by variable and the time range from `first` to `last`."""
    begin, end = (f"'{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}'" for moment in (first, last))

    def quoted(match: re.Match[str]) -> str:
        return ",".join("'" + value.replace("'", "''") + "'" for value in choices[match[1]])

    text = re.sub(r"\$__timeFilter\(([^)]+)\)", rf"\1 BETWEEN {begin} AND {end}", sql)
    text = text.replace("$__timeFrom()", begin).replace("$__timeTo()", end)
    text = re.sub(r"\$\{(\w+):sqlstring\}", quoted, text)
    if "$" in text:
        raise ValueError(f"a macro or variable that nobody replaces in: {text}")
    return text
