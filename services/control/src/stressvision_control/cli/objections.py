"""Objections, for privacy officers."""

from typing import Annotated

import typer

from stressvision_control.cli.client import fail, open_api
from stressvision_control.cli.output import JsonOption, say, show

objections = typer.Typer(no_args_is_help=True, help="While an objection is open, nothing is attributed to the person.")

SHOWN = ("id", "employee_id", "raised_at", "state", "text", "decision")


@objections.command("list")
def list_objections(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Those that are decided, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the objections that wait for a decision, or all."""
    rows = open_api(context, as_json=as_json).every("/v1/objections", state=None if every else "open")
    show(list(rows), as_json=as_json, columns=SHOWN)


@objections.command("record")
def record_objection(
    context: typer.Context,
    employee: Annotated[str, typer.Argument(help="Pseudonym or id.")],
    text: Annotated[str, typer.Option(help="What the person objects to, in their words.")],
    at: Annotated[str | None, typer.Option("--at", help="When, with its zone; default: now.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Record an objection that came on paper or by word."""
    api = open_api(context, as_json=as_json)
    made = api.post("/v1/objections", {"employee_id": api.employee(employee), "text": text, "raised_at": at})
    say(f"objection {made['id']}: nothing is attributed to {employee} until it is decided", made, as_json=as_json)


@objections.command("decide")
def decide(
    context: typer.Context,
    objection_id: int,
    reason: Annotated[str, typer.Option(help="10 to 500 characters; the person is shown it.")],
    uphold: Annotated[bool, typer.Option("--uphold", help="It is right: every consent is withdrawn.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="What follows is attributed again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Uphold or reject an objection."""
    if uphold == reject:
        fail("say --uphold or --reject", 2)
    body = {"decision": "upheld" if uphold else "rejected", "reason": reason}
    row = open_api(context, as_json=as_json).post(f"/v1/objections/{objection_id}/decide", body)
    say(f"objection {objection_id} is {row['state']}", row, as_json=as_json)


@objections.command("take-back")
def take_back(context: typer.Context, objection_id: int, as_json: JsonOption = False) -> None:
    """Record that the person takes it back."""
    row = open_api(context, as_json=as_json).post(f"/v1/objections/{objection_id}/take-back")
    say(f"objection {objection_id} is taken back", row, as_json=as_json)
