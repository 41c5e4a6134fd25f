"""Devices, the codes by which they join, and the events that were refused."""

from datetime import datetime
from typing import Annotated

import typer

from stressvision_control.cli.client import Row, open_api
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_control.cli.people import MomentOption
from stressvision_control.cli.places import SiteFilter

devices = typer.Typer(no_args_is_help=True, help="How devices are, and where they stand.")
enrolment_codes = typer.Typer(no_args_is_help=True, help="Each lets one device join, once.")
dead_letters = typer.Typer(no_args_is_help=True, help="Events that were refused, and why.")

DEVICE_COLUMNS = (
    "id", "hostname", "standing", "where", "agent_version", "model_version", "heartbeat_at", "spooled",
    "clock_offset_s",
)  # fmt: skip


@devices.command("list")
def list_devices(context: typer.Context, site: SiteFilter = None, as_json: JsonOption = False) -> None:
    """List devices."""
    api = open_api(context, as_json=as_json)
    rows = list(api.every("/v1/devices", site_id=api.site(site) if site else None))
    show(rows if as_json else [row | {"where": _where(row)} for row in rows], as_json=as_json, columns=DEVICE_COLUMNS)


@devices.command("show")
def show_device(context: typer.Context, device_id: int, as_json: JsonOption = False) -> None:
    """Show a device, its last heartbeat and its books."""
    show(open_api(context, as_json=as_json).get(f"/v1/devices/{device_id}"), as_json=as_json)


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


@enrolment_codes.command("create")
def create_code(
    context: typer.Context,
    station: Annotated[str | None, typer.Option(help="Where the device will stand: SITE/AREA/STATION or id.")] = None,
    hours: Annotated[int, typer.Option(help="How long the code is good.")] = 24,
    as_json: JsonOption = False,
) -> None:
    """Make a code; it is shown this once."""
    api = open_api(context, as_json=as_json)
    body = {"station_id": api.station(station) if station is not None else None, "valid_hours": hours}
    made = api.post("/v1/enrolment-codes", body)
    say(made["code"], made, as_json=as_json)


@enrolment_codes.command("list")
def list_codes(context: typer.Context, as_json: JsonOption = False) -> None:
    """List codes, without the codes."""
    show(list(open_api(context, as_json=as_json).every("/v1/enrolment-codes")), as_json=as_json)


@enrolment_codes.command("withdraw")
def withdraw_code(context: typer.Context, code_id: str, as_json: JsonOption = False) -> None:
    """Withdraw a code that nobody has used."""
    changed = open_api(context, as_json=as_json).delete(f"/v1/enrolment-codes/{code_id}")
    say(f"enrolment code {code_id[:12]} is withdrawn", changed, as_json=as_json)


@dead_letters.command("list")
def list_dead_letters(
    context: typer.Context,
    device: Annotated[int | None, typer.Option(help="Only this device.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only this reason, for example unknown_model.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most, the newest first.")] = 100,
    as_json: JsonOption = False,
) -> None:
    """List refused events, newest first."""
    page = open_api(context, as_json=as_json).get("/v1/dead-letters", device_id=device, reason=reason, limit=limit)
    show(page["items"], as_json=as_json)


@dead_letters.command("replay")
def replay_dead_letters(
    context: typer.Context,
    device: Annotated[int | None, typer.Option(help="Only of this device.")] = None,
    reason: Annotated[str | None, typer.Option(help="Only of this reason, for example unknown_model.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Only what came since then (UTC).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Have refused events sent again, once what was wrong is put right; see `list` for what became of them."""
    body = {"device_id": device, "reason": reason, "since": f"{since.isoformat()}Z" if since else None}
    asked = open_api(context, as_json=as_json).post("/v1/dead-letters/replays", body)
    say(f"{asked['letters']} refused events will be judged anew within seconds", asked, as_json=as_json)


def _switch(context: typer.Context, device_id: int, verb: str, *, as_json: bool) -> None:
    changed = open_api(context, as_json=as_json).post(f"/v1/devices/{device_id}/{verb}")
    say(f"device {device_id}: {changed['standing']}", changed, as_json=as_json)


def _where(device: Row) -> str:
    place = device["place"]
    return f"{place['site']}/{place['area']}/{place['station']}" if place is not None else "nowhere"
