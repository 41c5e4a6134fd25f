"""Who may use the control API, and as what."""

from typing import Annotated

import typer

from stressvision_control.cli.client import open_api
from stressvision_control.cli.output import JsonOption, say, show

tokens = typer.Typer(no_args_is_help=True, help="Who may use the control API, and as what.")


@tokens.command("list")
def list_tokens(context: typer.Context, as_json: JsonOption = False) -> None:
    """List tokens, without the tokens."""
    show(list(open_api(context, as_json=as_json).every("/v1/tokens")), as_json=as_json)


@tokens.command("me")
def show_own_token(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show as whom this command speaks."""
    show(open_api(context, as_json=as_json).get("/v1/tokens/me"), as_json=as_json)


@tokens.command("create")
def create_token(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Whose it is.")],
    roles: Annotated[list[str], typer.Option("--role", help="admin, operator, hr, safety, ml or privacy; repeatable.")],
    days: Annotated[int, typer.Option(help="How long it is good; 0: until it is revoked.")] = 90,
    as_json: JsonOption = False,
) -> None:
    """Make a token; it is shown this once."""
    body = {"name": name, "roles": roles, "valid_days": days or None}
    made = open_api(context, as_json=as_json).post("/v1/tokens", body)
    say(made["token"], made, as_json=as_json)


@tokens.command("revoke")
def revoke_token(context: typer.Context, token_id: int, as_json: JsonOption = False) -> None:
    """Revoke a token."""
    changed = open_api(context, as_json=as_json).delete(f"/v1/tokens/{token_id}")
    say(f"token {token_id} ({changed['name']}) is revoked", changed, as_json=as_json)
