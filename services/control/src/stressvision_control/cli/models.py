"""Models: which versions devices may name, and which one they should run."""

import hashlib
import json
from pathlib import Path
from typing import Annotated

import typer

from stressvision_contracts.manifest import read_manifest
from stressvision_control.cli.client import fail, open_api
from stressvision_control.cli.output import JsonOption, say, show

models = typer.Typer(no_args_is_help=True, help="Which models devices may name, and which one they should run.")


@models.command("list")
def list_models(context: typer.Context, as_json: JsonOption = False) -> None:
    """List models."""
    show(list(open_api(context, as_json=as_json).every("/v1/models")), as_json=as_json)


@models.command("show")
def show_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Show a model and its manifest."""
    show(open_api(context, as_json=as_json).get(f"/v1/models/{version}"), as_json=as_json)


@models.command("register")
def register_model(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="The folder with manifest.json and the model file it names.")],
    as_json: JsonOption = False,
) -> None:
    """Register a model. Registering the same one again does nothing."""
    body = _checked_manifest(folder)
    made = open_api(context, as_json=as_json).post("/v1/models", body)
    say(f"model {made['version']} is registered (digest {made['digest'][:12]}…)", made, as_json=as_json)


@models.command("desire")
def desire_model(context: typer.Context, version: str, as_json: JsonOption = False) -> None:
    """Have the whole fleet run this model."""
    changed = open_api(context, as_json=as_json).post(f"/v1/models/{version}/desire")
    say(f"model {version} is what the fleet should run", changed, as_json=as_json)


def _checked_manifest(folder: Path) -> object:
    """The manifest as it stands in the file, once the model file beside it is the one it speaks of."""
    try:
        content = (folder / "manifest.json").read_bytes()
        manifest = read_manifest(content)
        digest = hashlib.sha256((folder / manifest.file).read_bytes()).hexdigest()
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}", 2)
    except ValueError as error:
        fail(f"{folder / 'manifest.json'} is no manifest: {error}")
    if digest != manifest.digest:
        fail(f"{folder / manifest.file} has the digest {digest}, its manifest says {manifest.digest}; export it again")
    parsed: object = json.loads(content)
    return parsed
