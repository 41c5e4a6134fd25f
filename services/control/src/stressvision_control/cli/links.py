"""Links to a person's own page, for privacy officers."""

from typing import Annotated

import typer

from stressvision_control.cli.client import open_api
from stressvision_control.cli.output import JsonOption, say, show

links = typer.Typer(no_args_is_help=True, help="Links to people's own pages.")


def make_link(
    context: typer.Context,
    employee: Annotated[str, typer.Argument(help="Pseudonym or id.")],
    days: Annotated[int, typer.Option(help="For how long it is good; 90 at most.")] = 30,
    address: Annotated[
        str | None, typer.Option(help="How people reach the control API: https://…  Default: where this command does.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a link to a person's own page; it is printed this once. Hand it to that person and to nobody else."""
    api = open_api(context, as_json=as_json)
    made = api.post("/v1/privacy/links", {"employee_id": api.employee(employee), "days": days})
    made["url"] = (address or context.obj.control_url).rstrip("/") + made.pop("path")
    say(made["url"], made, as_json=as_json)


@links.command("list")
def list_links(
    context: typer.Context,
    employee: Annotated[str | None, typer.Option(help="Only of this one: pseudonym or id.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List links, without their keys."""
    api = open_api(context, as_json=as_json)
    whose = api.employee(employee) if employee is not None else None
    show(list(api.every("/v1/privacy/links", employee_id=whose)), as_json=as_json)


@links.command("revoke")
def revoke_link(context: typer.Context, link_id: int, as_json: JsonOption = False) -> None:
    """Revoke a link: from now on it opens nothing."""
    row = open_api(context, as_json=as_json).delete(f"/v1/privacy/links/{link_id}")
    say(f"link {link_id} is revoked", row, as_json=as_json)
