"""Signing what devices are offered, with a key that this machine alone has."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer

from stressvision_control.cli.client import Api, Row, fail
from stressvision_store.refusals import RefusedError
from stressvision_store.repository.keys import read_key
from stressvision_store.repository.publishing import make_target, target_path
from stressvision_store.repository.signing import sign_next

TARGETS: Final = "/v1/model-repository/targets"


def sign_targets(api: Api, key: Path, root: Path | None, *, add: Row | None = None, remove: Row | None = None) -> Row:
    """Sign the offers as they are, with one model more or one less; hand the signature in and return the answer."""
    ask: Callable[[], str] = lambda: str(typer.prompt(f"Passphrase of {key}", hide_input=True, err=True))  # noqa: E731
    target = None
    if add is not None:
        size = add["manifest"]["size_bytes"]
        target = make_target(add["version"], digest=add["digest"], size_bytes=size, manifest=add["manifest"])
    gone = target_path(remove["version"]) if remove is not None else None
    current = api.get_bytes(TARGETS)
    try:
        trusted = root.read_bytes() if root is not None else None
        signed = sign_next(current, read_key(key, ask), add=target, remove=gone, root=trusted)
    except OSError as error:
        fail(f"{error.filename} cannot be read: {error.strerror}", 2)
    except RefusedError as error:
        fail(str(error))
    answer: Row = api.post_octets(TARGETS, signed)
    return answer
