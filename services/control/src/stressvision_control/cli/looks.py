"""Looks at one person, for safety officers."""

from typing import Annotated

import typer

from stressvision_control.cli.client import open_api
from stressvision_control.cli.output import JsonOption, say, show

looks = typer.Typer(no_args_is_help=True, help="Looks at one person: a reason, a time, and the person is told.")

SHOWN = ("id", "pseudonym", "site", "officer", "reason", "since", "until", "live")


@looks.command("open")
def open_look(
    context: typer.Context,
    pseudonym: str,
    reason: Annotated[str, typer.Option(help="Why, 10 to 500 characters; the person is shown it.")],
    hours: Annotated[float, typer.Option(help="For how long; 8 at most.")] = 1.0,
    as_json: JsonOption = False,
) -> None:
    """Have the safety officers' dashboards show one person for a while."""
    body = {"employee": pseudonym, "reason": reason, "hours": hours}
    made = open_api(context, as_json=as_json).post("/v1/looks", body)
    say(
        f"look {made['id']} at {made['pseudonym']} lasts until {made['until']}; "
        f"in Grafana: /d/stressvision-person?var-person={made['pseudonym']}",
        made,
        as_json=as_json,
    )


@looks.command("list")
def list_looks(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the looks that last, or all, newest first."""
    rows = open_api(context, as_json=as_json).every("/v1/looks", live=not every)
    show(list(rows), as_json=as_json, columns=SHOWN)


@looks.command("end")
def end_look(context: typer.Context, look_id: int, as_json: JsonOption = False) -> None:
    """End a look before its time."""
    ended = open_api(context, as_json=as_json).post(f"/v1/looks/{look_id}/end")
    say(f"look {look_id} is over", ended, as_json=as_json)
