"""`stressvision-store models`: the signed repository's keys and roots, and the model that comes with the platform."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from securesystemslib.signer import CryptoSigner
from sqlmodel import Session
from tuf.api.metadata import Metadata, Root

from stressvision_store import audit, factory, roles
from stressvision_store.refusals import RefusedError
from stressvision_store.repository import rotation
from stressvision_store.repository.birth import AllKeys, create_repository
from stressvision_store.repository.keys import (
    ONLINE_FILE,
    TARGETS_FILE,
    ServerKeys,
    make_key,
    read_key,
    read_server_keys,
    root_files,
)
from stressvision_store.repository.metadata import find_row, read, sign, write
from stressvision_store.repository.renewal import ends, renew, renew_offline
from stressvision_store.repository.rotation import KeyName
from stressvision_store.session import create_engine, transaction

INSTALLER: Final = "installer"
"""How the owner of the database is called in the audit."""

app = typer.Typer(no_args_is_help=True, help=__doc__)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Keys = Annotated[
    Path, typer.Option(envvar="STRESSVISION_SIGNING_KEYS", help="Folder with root*.pem, targets.pem and online.pem.")
]
KEYS: Final = Path("keys")


@app.command()
def init(
    keys: Keys = KEYS,
    root_keys: Annotated[int, typer.Option(min=1, max=9, help="How many root keys to make.")] = 1,
    threshold: Annotated[int, typer.Option(min=1, max=9, help="How many of them a new root takes.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Make the repository with fresh keys where there is none; where there is one, sign anew what ends soon."""
    with _owned() as session:
        if find_row(session, "root") is not None:
            here = read_server_keys(keys)
            renewed: list[str] = list(renew_offline(session, here, [_key(file) for file in root_files(keys)]))
            renewed += [role for role in renew(session, here) if role not in renewed]
            _say({"created": False, "made": [], "renewed": renewed}, as_json=as_json)
            return
        made = _make_missing(keys, root_keys)
        signers = [_key(file) for file in root_files(keys)]
        everything = AllKeys(signers, _key(keys / TARGETS_FILE), _key(keys / ONLINE_FILE), threshold)
        create_repository(session, everything)
        audit.append(session, actor=INSTALLER, action="model.repository", subject="root 1", threshold=threshold)
    _say({"created": True, "made": made, "renewed": []}, as_json=as_json)


@app.command()
def install(folder: Path, keys: Keys = KEYS, as_json: AsJson = False) -> None:
    """Register, approve and publish the model that comes with the platform. Doing it again changes nothing."""
    with _owned() as session:
        installed = factory.install_model(session, folder, read_server_keys(keys))
    _say(asdict(installed), as_json=as_json)


@app.command()
def show(as_json: AsJson = False) -> None:
    """What is in force of each role, and until when."""
    with _owned() as session:
        state = {str(role): end.isoformat() for role, end in ends(session).items()}
    _say(state, as_json=as_json)


@app.command()
def rotate(
    name: Annotated[KeyName, typer.Argument(help="root, targets or online.")],
    new: Annotated[list[Path], typer.Option(help="A new key (made if the file is missing); repeatable for root.")],
    keys: Keys = KEYS,
    keep: Annotated[bool, typer.Option("--keep", help="Let the old keys count, too.")] = False,
    threshold: Annotated[int | None, typer.Option(min=1, max=9, help="For root: how many must sign.")] = None,
    draft: Annotated[Path | None, typer.Option(help="Write it here for others to sign, and change nothing.")] = None,
    as_json: AsJson = False,
) -> None:
    """Have new keys count instead of the old ones, in a new root signed by the root keys that are here."""
    fresh = [_key(file) if file.exists() else make_key(file) for file in new]
    with _owned() as session:
        root = rotation.draft_root(session)
        if threshold is not None:
            root.roles["root"].threshold = threshold
        rotation.replace_keys(root, name, [key.public_key for key in fresh], drop=[] if keep else None)
        signers = [_key(file) for file in root_files(keys)] + (fresh if name == "root" else [])
        signed = sign(root, signers)
        if draft is not None:
            draft.write_bytes(write(signed))
        else:
            _accept(session, signed, keys, {name: fresh[0]})
    if draft is None and not keep and name != "root":
        _put_in_place(keys / f"{name}.pem", new[0])
    _say({"root": signed.signed.version, "key_ids": [key.public_key.keyid for key in fresh]}, as_json=as_json)


@app.command("sign-root")
def sign_root(
    file: Path, key: Annotated[Path, typer.Option(help="A root key, old or new.")], as_json: AsJson = False
) -> None:
    """Add a signature to a drafted root. Needs neither database nor network."""
    with _told():
        root = read(file.read_bytes(), Root)
        rotation.sign_root(root, [_key(key)])
        file.write_bytes(write(root))
    _say({"root": root.signed.version, "signatures": sorted(root.signatures)}, as_json=as_json)


@app.command("accept-root")
def accept_root(file: Path, keys: Keys = KEYS, as_json: AsJson = False) -> None:
    """Put a root in force once enough keys have signed it; what it takes new signatures for is signed with KEYS."""
    with _owned() as session:
        root = read(file.read_bytes(), Root)
        _accept(session, root, keys, {})
    _say({"root": root.signed.version}, as_json=as_json)


def _accept(session: Session, root: Metadata[Root], folder: Path, fresh: dict[KeyName, CryptoSigner]) -> None:
    here = read_server_keys(folder)
    with_new = ServerKeys(fresh.get("online", here.online), fresh.get("targets", here.targets))
    rotation.accept_root(session, root, with_new)
    audit.append(session, actor=INSTALLER, action="model.root", subject=f"root {root.signed.version}",
                 key_ids=sorted(root.signed.keys))  # fmt: skip


def _put_in_place(file: Path, new: Path) -> None:
    """Have the new key lie where the services look, and the old one beside it."""
    if new.resolve() != file.resolve() and new.parent.resolve() == file.parent.resolve():
        if file.exists():
            file.rename(file.with_suffix(".old"))
        new.rename(file)


def _make_missing(folder: Path, root_keys: int) -> list[str]:
    """Make the keys that are not there; return their files."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    roots = ["root.pem"] if root_keys == 1 else [f"root-{number}.pem" for number in range(1, root_keys + 1)]
    wanted = [*(roots if not root_files(folder) else []), TARGETS_FILE, ONLINE_FILE]
    missing = [folder / name for name in wanted if not (folder / name).exists()]
    for file in missing:
        make_key(file)
    return [str(file) for file in missing]


def _key(file: Path) -> CryptoSigner:
    ask: Callable[[], str] = lambda: str(typer.prompt(f"Passphrase of {file}", hide_input=True, err=True))  # noqa: E731
    return read_key(file, ask)


@contextmanager
def _told() -> Iterator[None]:
    """What is refused ends the command with its reason."""
    try:
        yield
    except (RefusedError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error


@contextmanager
def _owned() -> Iterator[Session]:
    """One transaction of the owner's."""
    variable = roles.URL_VARIABLES[roles.OWNER]
    url = os.environ.get(variable)
    if not url:
        raise typer.BadParameter(f"set {variable}; `make up` writes it to .env")
    engine = create_engine(url, pool_size=1, name="stressvision-store")
    try:
        with _told(), transaction(engine) as session:
            yield session
    finally:
        engine.dispose()


def _say(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        shown = (", ".join(map(str, value)) or "none") if isinstance(value, list) else value
        typer.echo(f"{name}: {shown}")
