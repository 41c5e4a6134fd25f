"""The codes by which devices join, and the events that were refused."""

from datetime import datetime
from typing import Annotated

import typer

from stressvision_control.cli.client import open_api
from stressvision_control.cli.output import JsonOption, say, show

enrolment_codes = typer.Typer(no_args_is_help=True, help="Each lets one device join, once.")
dead_letters = typer.Typer(no_args_is_help=True, help="Events that were refused, and why.")


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
