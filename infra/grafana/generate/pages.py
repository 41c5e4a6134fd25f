"""A page: its head, its links to the others of the same audience, what to choose from, and method and limits."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from grafana_foundation_sdk.builders import text
from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, DashboardLink, QueryVariable, Row
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.text import TextMode

from grafana.generate.panels import SIZES
from grafana.generate.queries import Sql

Audience = Literal["hr", "safety", "operations"]
Part = Callable[[Dashboard], None]

TEXTS = Path(__file__).parent / "texts"


def page(
    name: str,
    title: str,
    description: str,
    *,
    audience: Audience,
    since: str,
    parts: Sequence[Part],
    height: int,
    also: Audience | None = None,
    refresh: str = "",
    choices: Sequence[QueryVariable] = (),
    annotations: Sequence[AnnotationQuery] = (),
) -> Dashboard:
    """A dashboard that nobody can edit, over the time from `since` (such as `now-28d`) to now.

    `also`: another audience whose dashboards are in the same organisation. Its uid is `stressvision-<name>`; it ends
    with `texts/<name>.md`, in a panel `height` units high.
    """
    board = (
        Dashboard(title)
        .uid(f"stressvision-{name}")
        .description(description)
        .tags(["stressvision", audience])
        .time(since, "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh(refresh)
        .week_start("monday")
        .link(_others(audience, "Otros tableros / Other dashboards"))
        .readonly()
    )
    if also is not None:
        board.link(_others(also, "Sedes y grupos / Sites and groups"))
    for variable in choices:
        board.with_variable(variable)
    for annotation in annotations:
        board.annotation(annotation)
    for part in parts:
        part(board)
    board.with_row(Row("Método y límites / Method and limits"))
    board.with_panel(
        words(
            "Método y límites / Method and limits",
            "Qué significan las cifras y para qué no sirven. / What the figures mean, and what they are not for.",
            name,
            width="whole",
            height=height,
        )
    )
    return board


def choice(name: str, label: str, source: DataSourceRef, statement: str, *, several: bool = True) -> QueryVariable:
    """A list to choose from, filled by SQL. Queries must quote it: `IN (${name:sqlstring})`."""
    return (
        QueryVariable(name)
        .label(label)
        .datasource(source)
        .query(statement)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.DISABLED)
        .multi(several)
        .include_all(several)
        .allow_custom_value(False)
    )


def note(title: str, paint: str, source: DataSourceRef, statement: str) -> AnnotationQuery:
    """Marks on every graph, where `statement` gives `time`, `text` and `tags`."""
    query = Sql(source, statement, ref="Anno")
    return AnnotationQuery().name(title).datasource(source).enable(True).icon_color(paint).target(query)


def leads_to(name: str, title: str, *, choices: str = "${__all_variables}") -> DashboardLink:
    """A link to another page that keeps the time; `choices` are the variables that go along, as in a URL."""
    url = f"/d/stressvision-{name}?${{__url_time_range}}&{choices}"
    return DashboardLink(title).type(DashboardLinkType.LINK).url(url)


def _others(audience: Audience, title: str) -> DashboardLink:
    return (
        DashboardLink(title)
        .type(DashboardLinkType.DASHBOARDS)
        .tags(["stressvision", audience])
        .as_dropdown(True)
        .include_vars(True)
        .keep_time(True)
    )


def words(title: str, description: str, name: str, *, width: str, height: int) -> text.Panel:
    """What `texts/<name>.md` says."""
    return (
        text.Panel()
        .title(title)
        .description(description)
        .mode(TextMode.MARKDOWN)
        .content((TEXTS / f"{name}.md").read_text(encoding="utf-8").strip())
        .span(SIZES[width])
        .height(height)
    )
