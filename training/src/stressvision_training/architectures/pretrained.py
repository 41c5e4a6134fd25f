"""Weights that others trained: from a file that the user names, or downloaded once, and into a network's backbone."""

import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Final

from stressvision_training.architectures import Architecture, WithBackbone
from stressvision_training.architectures.backbone import NONE, backbone_of
from stressvision_training.architectures.network import load_network
from stressvision_training.data.rows import SourceError

TIMEOUT_S: Final = 30.0


def pretrained_file(architecture: Architecture) -> Path | None:
    """Return the file of the weights that an architecture asks for, None when it asks for none.

    Downloads lie in Keras's own cache, and one that is there is not fetched again. `SourceError` says what to do
    where a file or the internet is missing.
    """
    if not isinstance(architecture, WithBackbone) or architecture.weights == NONE:
        return None
    named = architecture.downloads.get(architecture.weights)
    if named is not None:
        return _downloaded(named)
    file = Path(architecture.weights).expanduser()
    if not file.is_file():
        known = ", ".join(sorted(architecture.downloads))
        raise SourceError(f"architecture.weights = {architecture.weights!r}: no such file; or name {known} or {NONE}")
    return file


def load_pretrained(network: Any, file: Path) -> None:
    """Put the weights of `file` (.keras, .weights.h5, .h5 without its top) into the backbone of `network`."""
    part = backbone_of(network)
    if part is None:
        raise SourceError(f"{file}: the architecture has no backbone to put these weights into")
    try:
        if file.suffix == ".keras":
            whole = load_network(file)
            part.set_weights((backbone_of(whole) or whole).get_weights())
        else:
            part.load_weights(file)
    except (ValueError, OSError, KeyError) as error:
        wanted = f"{part.count_params():,} parameters without a top"
        raise SourceError(f"{file}: does not fit the backbone ({wanted}): {error}") from error


def _downloaded(url: str) -> Path:
    cache = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"
    file = cache / url.rpartition("/")[2]
    if file.is_file():
        return file
    partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer, partial.open("wb") as out:  # noqa: S310 - ours
            shutil.copyfileobj(answer, out, 1 << 20)
            _check_whole(out.tell(), answer.headers.get("Content-Length"))
        partial.replace(file)
    except (urllib.error.URLError, OSError) as error:
        partial.unlink(missing_ok=True)
        reason = getattr(error, "reason", error)
        raise SourceError(
            f"{url}: cannot be reached ({reason}). Give a file with --set architecture.weights=FILE, put this one into "
            f"{cache}, or start from scratch with --set architecture.weights={NONE}"
        ) from error
    return file


def _check_whole(came: int, wanted: str | None) -> None:
    if wanted is not None and came != int(wanted):  # urllib takes a connection that breaks for the end
        raise OSError(f"{came} of {wanted} bytes came")
