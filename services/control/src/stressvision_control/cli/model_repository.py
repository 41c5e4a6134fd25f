"""What is done where keys or networks are not: signing a model with an offline key, and an archive for an air gap."""

import io
import tarfile
from pathlib import Path
from typing import Annotated

import typer

from stressvision_control.cli.client import Api, Row, fail, open_api
from stressvision_control.cli.models import fetch_file, models, read_folder
from stressvision_control.cli.output import JsonOption, say, show
from stressvision_control.models.scores import figures_of

__all__ = ["models"]


@models.command("repository")
def show_repository(context: typer.Context, as_json: JsonOption = False) -> None:
    """What is signed, until when, and what devices are offered."""
    state = open_api(context, as_json=as_json).get("/v1/model-repository")
    if as_json:
        show(state, as_json=True)
        return
    rows = [{**each, "key_ids": [key[:12] for key in each["key_ids"]]} for each in state["roles"]]
    show(rows, as_json=False, columns=("role", "version", "expires_at", "days_left", "threshold", "key_ids"))
    say(f"offered: {', '.join(state['offered']) or 'nothing'}", state, as_json=False)
    say(f"this server signs: {', '.join(state['signs']) or 'nothing'}", state, as_json=False)


@models.command("sign")
def sign_model(
    context: typer.Context,
    version: str,
    key: Annotated[Path, typer.Option(help="The targets key (PEM).")],
    root: Annotated[Path | None, typer.Option(help="The trusted root, when another key signed last time.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Your own copy, to compare with the server's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Sign an approved model on this machine, and hand in the signature; of a retired model, that it is gone."""
    from stressvision_control.cli.signing import sign_targets

    api = open_api(context, as_json=as_json)
    model = api.get(f"/v1/models/{version}")
    if model["state"] not in ("approved", "retired"):
        fail(f"model {version} is {model['state']}; only an approved one is signed")
    if model["state"] == "approved":
        _compare(api, model, folder)
    if not yes:
        _show_what(model)
        typer.confirm("Sign this?", abort=True)
    if model["state"] == "approved":
        answer = sign_targets(api, key, root, add=model)
    else:
        answer = sign_targets(api, key, root, remove=model)
    say(f"signed: devices are offered {', '.join(answer['offered']) or 'nothing'}", answer, as_json=as_json)


@models.command("renew")
def renew_targets(
    context: typer.Context,
    key: Annotated[Path, typer.Option(help="The targets key (PEM).")],
    root: Annotated[Path | None, typer.Option(help="The trusted root, when another key signed last time.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Sign what devices are offered for another year, unchanged."""
    from stressvision_control.cli.signing import sign_targets

    answer = sign_targets(open_api(context, as_json=as_json), key, root)
    say(f"signed: devices are offered {', '.join(answer['offered']) or 'nothing'}", answer, as_json=as_json)


@models.command("export")
def export_models(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="A new folder, say on a USB stick.")],
    days: Annotated[int, typer.Option(min=1, max=180, help="How long devices accept it.")] = 30,
    version: Annotated[str | None, typer.Option(help="This model alone.")] = None,
    as_json: JsonOption = False,
) -> None:
    """The signed repository as a folder, for devices without a network."""
    if folder.exists() and any(folder.iterdir()):
        fail(f"{folder} is not empty; name a new folder", 2)
    packed = open_api(context, as_json=as_json).post_bytes("/v1/model-repository/exports", days=days, version=version)
    files = _unpack(packed, folder)
    message = f"{len(files)} files in {folder}, good for {days} days"
    say(message, {"folder": str(folder), "days": days, "files": files}, as_json=as_json)


def _compare(api: Api, model: Row, folder: Path | None) -> None:
    """End the command unless the server's file is the manifest's, and the operator's own copy is the server's."""
    fetch_file(api, model)
    if folder is not None and (digest := read_folder(folder)[0].digest) != model["digest"]:
        fail(f"your copy in {folder} has the digest {digest}, the server's model {model['version']} {model['digest']}")


def _show_what(model: Row) -> None:
    facts = {name: model[name] for name in ("version", "state", "digest", "registered_by", "approved_by")}
    show({**facts, **figures_of(model["manifest"])}, as_json=False, title="to be signed")


def _unpack(packed: bytes, folder: Path) -> list[str]:
    """Write the files under `folder`. By hand: tarfile has no filters in Debian 12's Python 3.11.2."""
    files = []
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            content, name = archive.extractfile(member), Path(member.name)
            if content is None:
                continue
            if name.is_absolute() or ".." in name.parts:
                fail(f"the server's export has a file that would lie elsewhere: {member.name}")
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            files.append(member.name)
    return files
