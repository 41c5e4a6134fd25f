"""Devices: how they are, where they stand, and what they are told to do."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from stressvision_control.cli.ages import age_of, span
from stressvision_control.cli.client import Row, fail, open_api
from stressvision_control.cli.output import JsonOption, console, say, show
from stressvision_control.cli.people import MomentOption
from stressvision_control.cli.places import SiteFilter

devices = typer.Typer(no_args_is_help=True, help="How devices are, and where they stand.")

PAINT = {"online": "green", "stale": "bold red", "cloned": "bold red", "paused": "yellow"}
STATES = "online, stale, paused, never_seen, cloned or revoked"
HOT_C = 80.0
"""From there a Raspberry Pi slows itself down."""


@devices.command("list")
def list_devices(
    context: typer.Context,
    site: SiteFilter = None,
    state: Annotated[str | None, typer.Option(help=f"Only those that are {STATES}.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List devices."""
    api = open_api(context, as_json=as_json)
    wanted = state.strip().replace(" ", "_").replace("-", "_") if state is not None else None
    rows = list(api.every("/v1/devices", site_id=api.site(site) if site else None, state=wanted))
    if as_json or not rows:
        show(rows, as_json=as_json)
    else:
        console().print(_fleet_table(rows, datetime.now(UTC)))


@devices.command("summary")
def summarise_devices(context: typer.Context, as_json: JsonOption = False) -> None:
    """Count devices by how they are and what they run."""
    summary = open_api(context, as_json=as_json).get("/v1/devices/summary")
    if as_json:
        show(summary, as_json=True)
        return
    counts: Row = {"devices": summary["devices"]}
    counts |= {name.replace("_", " "): number for name, number in summary["states"].items()}
    counts["throttled"] = summary["throttled"]
    for kind in ("agent", "model"):
        versions = summary[f"{kind}_versions"].items()
        counts[f"{kind} versions"] = [f"{version} ({number})" for version, number in versions]
    show(counts, as_json=False)


@devices.command("show")
def show_device(context: typer.Context, device_id: int, as_json: JsonOption = False) -> None:
    """Show a device, its last heartbeat and its books."""
    show(open_api(context, as_json=as_json).get(f"/v1/devices/{device_id}"), as_json=as_json)


@devices.command("rename")
def rename_device(
    context: typer.Context,
    device_id: int,
    name: Annotated[str | None, typer.Argument(help="Left out: the hostname again.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Give a device a name of your own."""
    changed = open_api(context, as_json=as_json).patch(f"/v1/devices/{device_id}", {"name": name})
    say(f"device {device_id} is called {name_of(changed)}", changed, as_json=as_json)


@devices.command("pause")
def pause_device(context: typer.Context, device_id: int, as_json: JsonOption = False) -> None:
    """Have a device look away."""
    _switch(context, device_id, "pause", as_json=as_json)


@devices.command("resume")
def resume_device(context: typer.Context, device_id: int, as_json: JsonOption = False) -> None:
    """Have a paused device look again."""
    _switch(context, device_id, "resume", as_json=as_json)


@devices.command("revoke")
def revoke_device(
    context: typer.Context,
    device_id: int,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Shut a device out for good; to come back it must enrol anew."""
    if not yes:
        typer.confirm(f"shut device {device_id} out for good?", abort=True, err=True)
    _switch(context, device_id, "revoke", as_json=as_json)


@devices.command("clear-alarm")
def clear_alarm(context: typer.Context, device_id: int, as_json: JsonOption = False) -> None:
    """Say that a key is in use once again only; if a copy still speaks, the alarm comes back."""
    changed = open_api(context, as_json=as_json).post(f"/v1/devices/{device_id}/clear-alarm")
    say(f"device {device_id}: the alarm is cleared", changed, as_json=as_json)


@devices.command("rotate-key")
def rotate_key(
    context: typer.Context,
    device_id: Annotated[int | None, typer.Argument()] = None,
    every: Annotated[bool, typer.Option("--all", help="Every device.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Have a device make a new key; it is told with its next heartbeat."""
    if every == (device_id is not None):
        fail("name a device, or --all", 2)
    api = open_api(context, as_json=as_json)
    if every:
        asked = api.post("/v1/devices/key-rotations")
        say(f"{asked['devices']} devices will make a new key", asked, as_json=as_json)
    else:
        changed = api.post(f"/v1/devices/{device_id}/rotate-key")
        say(f"device {device_id} will make a new key", changed, as_json=as_json)


@devices.command("move")
def move_device(
    context: typer.Context,
    device_id: int,
    station: Annotated[str | None, typer.Option(help="SITE/AREA/STATION or id; left out: nowhere.")] = None,
    at: MomentOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say at which station a device stands, and since when."""
    api = open_api(context, as_json=as_json)
    body = {"station_id": api.station(station) if station is not None else None, "at": at}
    changed = api.put(f"/v1/devices/{device_id}/placement", body)
    say(f"device {device_id}: {_where(changed)}", changed, as_json=as_json)


def name_of(device: Row) -> str:
    return str(device["name"] or device["hostname"])


def _switch(context: typer.Context, device_id: int, verb: str, *, as_json: bool) -> None:
    changed = open_api(context, as_json=as_json).post(f"/v1/devices/{device_id}/{verb}")
    say(f"device {device_id}: {changed['standing']}", changed, as_json=as_json)


def _where(device: Row) -> str:
    place = device["place"]
    return f"{place['site']}/{place['area']}/{place['station']}" if place is not None else "nowhere"


def _fleet_table(rows: list[Row], now: datetime) -> Table:
    table = Table(header_style="bold")
    for heading in ("id", "state", "name", "where", "agent", "model"):
        table.add_column(heading, justify="right" if heading == "id" else "left")
    for heading in ("seen", "spool", "°C", "seeing", "clock"):
        table.add_column(heading, justify="right")
    for row in rows:
        paint = PAINT.get(row["state"], "dim")
        table.add_row(
            str(row["id"]),
            f"[{paint}]{row['state'].replace('_', ' ')}[/]",
            *(escape(text) for text in (name_of(row), _where(row), row["agent_version"], row["model_version"] or "–")),
            age_of(row["heartbeat_at"], now),
            _spool(row),
            _heat(row),
            f"{row['coverage']:.0%}" if row["coverage"] is not None else "–",
            _clock(row),
        )
    return table


def _spool(row: Row) -> str:
    if row["spooled"] is None:
        return "–"
    return f"{row['spooled']} for {span(row['spool_age_s'] or 0)}" if row["spooled"] else "empty"


def _heat(row: Row) -> str:
    heat = "–" if row["temperature_c"] is None else f"{row['temperature_c']:.0f}"
    if row["throttled"]:
        return f"[bold red]{heat} throttled[/]"
    return f"[yellow]{heat}[/]" if (row["temperature_c"] or 0) >= HOT_C else heat


def _clock(row: Row) -> str:
    """How far it is off; what is neither synchronised nor right is marked."""
    offset: Any = row["clock_offset_s"]
    if offset is None:
        return "–"
    told = f"{offset:+.1f} s" if abs(offset) < 60 else f"{'+' if offset > 0 else '-'}{span(abs(offset))}"
    if abs(offset) >= 60:
        return f"[bold red]{told}[/]"
    return f"{told} unsynchronised" if row["clock_synchronised"] is False else told
