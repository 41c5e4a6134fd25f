"""What the signed repository says of a model: read by python-tuf, which refuses what is forged, old, or does not fit.

What this device has once seen is kept, so that neither a repository nor a model list of the past is taken again.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec
from tuf.api import exceptions as tuf
from tuf.api.metadata import Metadata, Root, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater

from stressvision_agent.files import write_whole
from stressvision_agent.updates.sources import ModelSource, SourceUnavailableError
from stressvision_contracts.manifest import Manifest, read_manifest

log = logging.getLogger(__name__)

FIRST_ROOT: Final = "1.root.json"
SUFFIX: Final = ".tflite"
NOT_THERE: Final = (403, 404)

Why = Literal["expired", "older", "forged", "mixed", "unknown", "manifest", "root"]
"""What was wrong: out of date, behind what was seen before, not signed by the right keys, parts of different states,
not in the list, not described as it should be, no trusted root to begin with."""


class RepositoryRefusedError(Exception):
    """The repository is not to be trusted as it is; it may be mended. `why` is for counting."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A model as the signed list has it. `file` is its name among the targets."""

    version: str
    digest: str
    length: int
    file: str
    target: TargetFile
    manifest: Manifest
    manifest_json: bytes


class Repository:
    """Reads `source`; `root_file` is the root that is trusted to begin with, `folder` holds what was seen."""

    def __init__(self, source: ModelSource, root_file: Path, folder: Path) -> None:
        self._source, self._root_file, self._folder = source, root_file, folder

    def trust(self) -> None:
        """Take the repository's first root as the one to trust, once, if none was deployed.

        This trusts the server's certificate that one time. Raise `SourceUnavailableError`, `RepositoryRefusedError`.
        """
        if self._root_file.exists():
            return
        data = self._source.metadata(FIRST_ROOT)
        try:
            root = Metadata[Root].from_bytes(data)
            root.verify_delegate(Root.type, root)
        except (tuf.RepositoryError, ValueError) as error:
            raise RepositoryRefusedError("root", f"{FIRST_ROOT} is no root: {error}") from error
        write_whole(self._root_file, data)
        log.warning("first root of the model repository taken on trust", extra={"file": str(self._root_file)})

    def find(self, version: str, now: datetime) -> Listed:
        """Return what the list has of `version`, being signed and in force at `now`.

        Raise `SourceUnavailableError`, `RepositoryRefusedError`, or `OSError` from the disk.
        """
        updater = self._refreshed(now)
        found = updater.get_targetinfo(version + SUFFIX)
        if found is None:
            raise RepositoryRefusedError("unknown", f"the signed list has no model {version}")
        return _listed(version, found)

    def versions(self, now: datetime) -> list[str]:
        """Return the versions in the list; raise as `find`."""
        self._refreshed(now)
        listed = Metadata[Targets].from_bytes((self._folder / "targets.json").read_bytes())
        return sorted(path.removesuffix(SUFFIX) for path in listed.signed.targets)

    def _refreshed(self, now: datetime) -> Updater:
        bootstrap = self._trusted_root()
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob("tmp*"):
            left.unlink(missing_ok=True)
        try:
            updater = Updater(str(self._folder), "", fetcher=_Fetcher(self._source), bootstrap=bootstrap)
            # the device's own clock may be wrong, and it knows by how much
            updater._trusted_set.reference_time = now
            updater.refresh()
        except tuf.DownloadHTTPError as error:
            raise SourceUnavailableError(str(error), error.status_code) from error
        except tuf.DownloadError as error:
            cause = error.__cause__
            raise cause if isinstance(cause, SourceUnavailableError) else SourceUnavailableError(str(error)) from error
        except (tuf.RepositoryError, ValueError) as error:
            raise RepositoryRefusedError(_why(error), _words(error)) from error
        return updater

    def _trusted_root(self) -> bytes:
        try:
            data = self._root_file.read_bytes()
            Metadata[Root].from_bytes(data)
        except FileNotFoundError as error:
            raise RepositoryRefusedError(
                "root", f"there is no {self._root_file}: nothing says whose models to trust"
            ) from error
        except (tuf.RepositoryError, ValueError) as error:
            raise RepositoryRefusedError(
                "root", f"{self._root_file} is damaged: deploy it again, or remove it to trust the server's once more"
            ) from error
        return data


class _Fetcher(FetcherInterface):
    def __init__(self, source: ModelSource) -> None:
        self._source = source

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            return iter([self._source.metadata(url.lstrip("/"))])
        except SourceUnavailableError as error:
            if error.status in NOT_THERE:
                raise tuf.DownloadHTTPError(str(error), error.status) from error
            raise


def _why(error: Exception) -> Why:
    match error:
        case tuf.ExpiredMetadataError():
            return "expired"
        case tuf.BadVersionNumberError():
            return "older"
        case tuf.LengthOrHashMismatchError():
            return "mixed"
        case _:
            return "forged"


def _words(error: Exception) -> str:
    words: dict[Why, str] = {
        "expired": "its signatures are out of date",
        "older": "it is older than what this device has seen, or its parts are of different states",
        "mixed": "its parts do not belong together",
        "forged": "it is not signed by the keys this device trusts",
    }
    return f"the model repository is refused: {words[_why(error)]} ({error})"


def _listed(version: str, found: TargetFile) -> Listed:
    custom = found.unrecognized_fields.get("custom")
    try:
        manifest_json = _manifest_text(custom)
        manifest = read_manifest(manifest_json)
        digest = found.hashes["sha256"]
    except (KeyError, TypeError, ValueError) as error:
        raise RepositoryRefusedError("manifest", f"model {version} comes without a manifest: {error}") from error
    if (manifest.version, manifest.digest, manifest.size_bytes) != (version, digest, found.length):
        raise RepositoryRefusedError("manifest", f"the manifest of model {version} is that of another file")
    return Listed(
        version=version,
        digest=digest,
        length=found.length,
        file=f"{digest}.{version}{SUFFIX}",
        target=found,
        manifest=manifest,
        manifest_json=msgspec.json.format(manifest_json),
    )


def _manifest_text(custom: object) -> bytes:
    """It travels as text, for the canonical JSON that is signed knows no fractions; an object is taken, too."""
    manifest = custom["manifest"] if isinstance(custom, dict) else None
    return manifest.encode() if isinstance(manifest, str) else msgspec.json.encode(manifest)
