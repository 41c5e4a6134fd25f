"""Company pictures that models learn from. Adding them needs eyes, which `stressvision-trainer` brings."""

from importlib.metadata import entry_points
from typing import Annotated

import typer

from stressvision_control.cli.client import fail, open_api
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_control.cli.places import SiteFilter

dataset = typer.Typer(no_args_is_help=True, help="The company's own pictures, which models learn from.")

PLUG_INS = "stressvision.commands"
"""Entry points of this group are commands; `dataset.add` is a function for Typer."""


@dataset.command("list")
def list_pictures(
    context: typer.Context,
    site: SiteFilter = None,
    each: Annotated[bool, typer.Option("--each", help="A line per picture, in place of counts.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Count pictures by site and label; `usable` leaves out people who do not consent now."""
    api = open_api(context, as_json=as_json)
    site_id = api.site(site) if site else None
    if each:
        show(list(api.every("/v1/pictures", site_id=site_id)), as_json=as_json)
    else:
        show(api.get("/v1/pictures/summary", site_id=site_id), as_json=as_json)


@dataset.command("show")
def show_picture(context: typer.Context, digest: str, as_json: JsonOption = False) -> None:
    """Show what is known of a picture, but not the picture."""
    show(open_api(context, as_json=as_json).get(f"/v1/pictures/{digest}"), as_json=as_json)


@dataset.command("remove")
def remove_pictures(
    context: typer.Context,
    digests: Annotated[list[str] | None, typer.Argument(metavar="DIGEST…")] = None,
    subject: Annotated[str | None, typer.Option(help="All pictures of this person, by pseudonym.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Remove pictures: the next run learns without them, and one that learnt from them publishes nothing."""
    if bool(digests) == bool(subject):
        fail("give digests, or --subject", 2)
    api = open_api(context, as_json=as_json)
    if subject:
        gone = api.delete("/v1/pictures", subject=subject)
        say(f"{gone['pictures']} pictures are deleted", gone, as_json=as_json)
        return
    removed = [api.delete(f"/v1/pictures/{digest}") for digest in digests or []]
    say(f"{len(removed)} pictures are removed", removed, as_json=as_json)


def _say_how_to_install() -> None:
    """Add pictures (needs stressvision-trainer)."""
    fail(
        "`dataset add` looks for the face in every picture, which needs stressvision-trainer; it is not installed here "
        "(make venv-native, or pip install stressvision-trainer)",
        2,
    )


def plug_in(group: typer.Typer) -> None:
    """Add the commands that other distributions bring, or words on how to get them."""
    found = {entry.name: entry for entry in entry_points(group=PLUG_INS)}
    if "dataset.add" in found:
        group.command("add")(found["dataset.add"].load())
    else:
        anything = {"allow_extra_args": True, "ignore_unknown_options": True}
        group.command("add", context_settings=anything)(_say_how_to_install)


plug_in(dataset)
