"""`stressvision-store`: schema, backups, signing keys, the factory model. The environment has the database URLs."""

import json
import os
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from stressvision_store import backup_cli, repository_cli, roles, schema
from stressvision_store.partitions import ensure_partitions
from stressvision_store.session import create_engine, transaction

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(repository_cli.app, name="models")
backup_cli.register(app)
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def read_urls(environment: Mapping[str, str]) -> dict[str, str]:
    """The URL of every role; raise `ValueError` naming the variables that are missing."""
    missing = [variable for variable in roles.URL_VARIABLES.values() if not environment.get(variable)]
    if missing:
        raise ValueError(f"set {', '.join(missing)}; `make up` writes them to .env")
    return {role: environment[variable] for role, variable in roles.URL_VARIABLES.items()}


def prepare(urls: Mapping[str, str]) -> dict[str, Any]:
    """Roles, schema and partitions as they should be, whatever they were; say what was reached. Idempotent."""
    owner_url = urls[roles.OWNER]
    passwords = {role: roles.password_of(url, role) for role, url in urls.items() if role != roles.OWNER}
    roles.ensure_roles(owner_url, passwords)
    revision = schema.upgrade(owner_url)
    engine = create_engine(owner_url, pool_size=1, name="stressvision-store")
    try:
        with transaction(engine) as session:
            made = ensure_partitions(session)
    finally:
        engine.dispose()
    return {"revision": revision, "roles": sorted(passwords), "partitions_made": made}


def _say(result: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
        return
    for key, value in result.items():
        typer.echo(f"{key}: {', '.join(value) if isinstance(value, list) else value}")


def _urls() -> dict[str, str]:
    try:
        return read_urls(os.environ)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


@app.command()
def upgrade(as_json: AsJson = False) -> None:
    """Make or update the login roles, bring the schema to its newest version, make partitions ahead."""
    try:
        result = prepare(_urls())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    _say(result, as_json=as_json)


@app.command()
def downgrade(revision: str, as_json: AsJson = False) -> None:
    """Take the schema back to REVISION; `base` drops everything, data included."""
    _say({"revision": schema.downgrade(_urls()[roles.OWNER], revision)}, as_json=as_json)


@app.command()
def check(as_json: AsJson = False) -> None:
    """Exit with 1 when the schema is not the newest, or differs from what the code expects."""
    revision, differences = schema.state(_urls()[roles.OWNER])
    newest = schema.head()
    sound = revision == newest and not differences
    _say({"revision": revision, "newest": newest, "differences": differences, "sound": sound}, as_json=as_json)
    raise typer.Exit(0 if sound else 1)
