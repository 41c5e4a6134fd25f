"""Who did or looked at what, and whether anybody has tampered with that."""

from typing import Annotated

import typer

from stressvision_control.cli.client import REFUSED, fail, open_api
from stressvision_control.cli.output import JsonOption, say, show

audit = typer.Typer(no_args_is_help=True, help="Who did or looked at what.")


@audit.command("list")
def list_entries(
    context: typer.Context,
    actor: Annotated[str | None, typer.Option(help="Only what this one did.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, for example employee.read_name.")] = None,
    subject: Annotated[str | None, typer.Option(help="Only about this, for example 'employee 7'.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many at most, the newest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List audit entries, newest first."""
    page = open_api(context, as_json=as_json).get("/v1/audit", actor=actor, action=action, subject=subject, limit=limit)
    show(page["items"], as_json=as_json)


@audit.command("head")
def show_head(context: typer.Context, as_json: JsonOption = False) -> None:
    """Print where the chain ends, as PLACE:HASH; keep it somewhere else."""
    head = open_api(context, as_json=as_json).get("/v1/audit/head")
    say(f"{head['place']}:{head['hash']}", head, as_json=as_json)


@audit.command("verify")
def verify(
    context: typer.Context,
    expect: Annotated[
        list[str] | None, typer.Option(help="PLACE:HASH that `audit head` once printed; repeatable.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make the chain again from the entries, on this machine; exit with 1 at the first that does not fit."""
    from stressvision_control.cli.audit_walk import walk_chain
    from stressvision_store.audit_chain import BrokenChainError

    api = open_api(context, as_json=as_json)
    try:
        entries = walk_chain(api, dict(_noted(text) for text in expect or []))
    except BrokenChainError as broken:
        found = {"whole": False, "why": broken.why, "place": broken.place, "entry_id": broken.entry_id}
        entry = f", entry {broken.entry_id}" if broken.entry_id is not None else ""
        say(f"broken at place {broken.place}{entry}: {broken.why}", found, as_json=as_json)
        raise typer.Exit(REFUSED) from None
    say(f"whole: {entries} entries fit", {"whole": True, "entries": entries}, as_json=as_json)


def _noted(text: str) -> tuple[int, bytes]:
    place, _, digest = text.partition(":")
    try:
        return int(place), bytes.fromhex(digest)
    except ValueError:
        fail(f"{text!r} is not PLACE:HASH as `stressvision audit head` prints it", 2)
