"""Fetches a model file so that nothing is fetched twice: what was cut off goes on, and is checked when it is whole."""

import errno
import os
import shutil
from pathlib import Path

from tuf.api import exceptions as tuf

from stressvision_agent.updates.metrics import DOWNLOADED_BYTES, RESUMED
from stressvision_agent.updates.repository import Listed
from stressvision_agent.updates.sources import ModelSource

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ALTERED = "the file that came is not the one that was signed"


class TargetRefusedError(Exception):
    """What came is not the file that was signed."""


def fetch(source: ModelSource, listed: Listed, part: Path, *, min_free_bytes: int) -> Path:
    """Return `part`, holding the whole file; a `part` that is there already goes on growing.

    Raise `SourceUnavailableError` (`part` stays), `TargetRefusedError`, or `OSError`, of `NO_ROOM` where there is none
    (`part` goes: events need the room).
    """
    part.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    if have > listed.length:
        part.unlink()
        have = 0
    _check_room(part.parent, listed.length - have + min_free_bytes)
    if have < listed.length:
        try:
            _grow(source, listed, part, have)
        except OSError as error:
            if error.errno in NO_ROOM:
                part.unlink(missing_ok=True)
            raise
    _verify(listed, part)
    return part


def _check_room(folder: Path, wanted: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise OSError(errno.ENOSPC, f"{free} bytes free, {wanted} are needed for the model and the spool")


def _grow(source: ModelSource, listed: Listed, part: Path, have: int) -> None:
    with source.target(listed.file, have) as coming, part.open("r+b" if have else "wb") as file:
        file.truncate(coming.start)
        file.seek(coming.start)
        if coming.start:
            RESUMED.inc()
        size = coming.start
        try:
            for piece in coming.pieces:
                size += len(piece)
                if size > listed.length:
                    break
                file.write(piece)
                DOWNLOADED_BYTES.inc(len(piece))
        finally:
            file.flush()
            os.fsync(file.fileno())
    if size > listed.length:
        part.unlink()
        raise TargetRefusedError(f"{ALTERED}: it has more than {listed.length} bytes")
    if size < listed.length:
        # not cut off on the way, for that is said otherwise: there is no more of it
        part.unlink()
        raise TargetRefusedError(f"{ALTERED}: it ends after {size} of {listed.length} bytes")


def _verify(listed: Listed, part: Path) -> None:
    with part.open("rb") as file:
        try:
            listed.target.verify_length_and_hashes(file)
        except tuf.LengthOrHashMismatchError as error:
            part.unlink()
            raise TargetRefusedError(f"{ALTERED}: {error}") from error
