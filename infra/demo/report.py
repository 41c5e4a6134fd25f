"""What the demo has to say at its end: one table, or one JSON object."""

from collections.abc import Mapping
from typing import Any

import httpx
import psycopg
from rich.console import Console
from rich.table import Table

from demo.settings import Settings
from demo.telling import Tally


def rolled_up(settings: Settings) -> dict[str, Any]:
    """What the dashboards' own roles see of it."""
    with psycopg.connect(settings.ops_url) as connection:
        shifts, hours = connection.execute("SELECT shifts, observed_hours::float FROM ops.rollups").fetchone() or (
            0,
            0.0,
        )
        unattributed = connection.execute("SELECT coalesce(sum(hours), 0)::float FROM ops.unattributed").fetchone()
    with psycopg.connect(settings.hr_url) as connection:
        cells, withheld = connection.execute(
            "SELECT coalesce(sum(cells), 0)::int, coalesce(sum(withheld_cells), 0)::int FROM hr.withheld"
        ).fetchone() or (0, 0)
    return {
        "person_shifts": shifts,
        "observed_hours": round(hours, 1),
        "unattributed_hours": round(unattributed[0], 1) if unattributed else 0.0,
        "group_cells": cells,
        "withheld_cells": withheld,
        "unpublished_days": unpublished_days(settings),
    }


def unpublished_days(settings: Settings) -> int:
    """Days of sites that are over, and whose figures are not out."""
    with psycopg.connect(settings.hr_url) as connection:
        (days,) = connection.execute("SELECT coalesce(sum(pending_days), 0)::int FROM hr.freshness").fetchone() or (0,)
    return int(days)


def links(settings: Settings) -> dict[str, str]:
    """Where to look. Grafana's dashboards are named even when no Grafana runs; the table then says so."""
    return {
        "home": f"{settings.grafana_url}/d/stressvision-home",
        "person": f"{settings.grafana_url}/d/stressvision-person",
        "operations": f"{settings.grafana_url}/d/stressvision-operations",
        "prometheus": f"{settings.prometheus_url}/alerts",
        "control": f"{settings.control_url}/docs",
    }


def answers(url: str) -> bool:
    """Whether anything speaks HTTP there."""
    try:
        httpx.get(url, timeout=2)
    except httpx.HTTPError:
        return False
    return True


def summary(
    settings: Settings, tally: Tally, rolled: Mapping[str, Any], agent: Mapping[str, Any], times: Mapping[str, float]
) -> dict[str, Any]:
    return {
        "plant": {
            "produced": tally.produced,
            "sent": tally.sent,
            "stored": tally.stored,
            "duplicate": tally.duplicate,
            "rejected": tally.rejected,
            "reasons": tally.reasons,
        },
        "rolled_up": dict(rolled),
        "agent": dict(agent),
        "seconds": {name: round(value, 1) for name, value in times.items()},
        "links": links(settings),
    }


def show(console: Console, result: Mapping[str, Any]) -> None:
    plant, rolled, agent = result["plant"], result["rolled_up"], result["agent"]
    table = Table(title="Stress Vision: what the demo did", title_justify="left", show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, value, note in (
        ("simulated plant: events sent", plant["sent"], f"of {plant['produced']:,} that its 60 devices ever made"),
        ("  stored", plant["stored"], "acknowledged after commit"),
        ("  duplicate", plant["duplicate"], "known already, counted once"),
        ("  rejected", plant["rejected"], ", ".join(f"{n} {why}" for why, n in plant["reasons"].items()) or "none"),
        ("rolled up: shifts of people", rolled["person_shifts"], f"{rolled['observed_hours']:,.0f} observed hours"),
        ("  groups × shifts", rolled["group_cells"], f"{rolled['withheld_cells']:,} withheld: fewer than five people"),
        (
            "real agent: frames",
            agent.get("frames"),
            f"{agent.get('faces') or 0:,} with a face; {_short(agent['source'])}",
        ),
        (
            "  events stored",
            agent.get("stored"),
            f"{agent.get('windows') or 0:,} windows; device {agent.get('device_id')}",
        ),
    ):
        table.add_row(name, "-" if value is None else f"{value:,}", note)
    console.print(table)
    if rolled["unpublished_days"]:
        console.print(f"[red]{rolled['unpublished_days']} days wait for their figures: make logs S=worker[/red]")
    if agent.get("error"):
        console.print(f"[red]real agent: {agent['error']}[/red]")
    console.print("took " + ", ".join(f"{name} {value:g} s" for name, value in result["seconds"].items()))
    silent = {host for host in {_host(link) for link in result["links"].values()} if not answers(host)}
    for name, link in result["links"].items():
        note = "   (nothing answers there)" if _host(link) in silent else ""
        console.print(f"  {name:<11} {link}{note}", highlight=False)
    console.print(
        "  a person's page needs a safety officer's look: stressvision tokens create NAME --role safety, then with"
        " that token stressvision looks open D-001 --reason …",
        highlight=False,
    )


def _short(source: str) -> str:
    """A source without the folders of its file."""
    kind, _, path = source.partition(":")
    return f"{kind}:{path.rsplit('/', 1)[-1]}"


def _host(url: str) -> str:
    return "/".join(url.split("/")[:3])
