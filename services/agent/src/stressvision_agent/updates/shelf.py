"""The models kept on this device: a folder for each by its digest, and links that name the one in use and the good one.

A folder is complete or absent, a link points to the old or the new: whatever moment the power is cut in.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from stressvision_agent.files import sync_folder, write_whole
from stressvision_contracts.manifest import Manifest
from stressvision_vision.classifier import MANIFEST_NAME, ModelError, read_model

Name = Literal["current", "good"]

UNFINISHED: Final = ".new"
PART: Final = ".part"
DIGEST_LENGTH: Final = 64
"""Of a SHA-256 in hexadecimal digits; whatever has another name is not for us to remove."""


class Shelf:
    """Lies in `folder`, made when first needed. A link that is absent stands for the factory model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._held = False

    def path(self, digest: str) -> Path:
        return self.folder / digest

    def part(self, digest: str) -> Path:
        """Where a download that may be cut off grows."""
        return self.folder / f"{digest}{PART}"

    def has(self, digest: str) -> bool:
        return (self.path(digest) / MANIFEST_NAME).is_file()

    def digests(self) -> list[str]:
        """Return those of all models that are here."""
        return sorted(entry.name for entry in self._entries() if len(entry.name) == DIGEST_LENGTH)

    def kept(self, digest: str) -> Manifest | None:
        """Return the manifest of a model that is here whole; what is here was verified when it came."""
        if not self.has(digest):
            return None
        try:
            _, manifest = read_model(self.path(digest))
        except ModelError:
            return None
        return manifest if manifest.digest == digest else None

    def put(self, digest: str, name: str, manifest: bytes, content: Path) -> Path:
        """Make the folder of `digest` from the file `content`, which is moved there as `name`. Raise `OSError`."""
        folder, fresh = self.path(digest), self.folder / f"{digest}{UNFINISHED}"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        content.replace(fresh / name)
        _sync_file(fresh / name)
        write_whole(fresh / MANIFEST_NAME, manifest)
        shutil.rmtree(folder, ignore_errors=True)
        fresh.replace(folder)
        sync_folder(self.folder)
        return folder

    def named(self, name: Name) -> str | None:
        """Return the digest that link `name` points to, None where it stands for the factory model."""
        try:
            return (self.folder / name).readlink().name
        except OSError:
            return None

    def point(self, name: Name, digest: str | None) -> None:
        """Let link `name` stand for `digest`, durably and at once; None for the factory model. Raise `OSError`."""
        link = self.folder / name
        if self.named(name) == digest:
            return
        if digest is None:
            link.unlink()
        else:
            fresh = self.folder / f"{name}{UNFINISHED}"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(digest)
            fresh.replace(link)
        sync_folder(self.folder)

    def prune(self, keep: set[str | None]) -> None:
        """Remove every model but those in `keep` and those the links name; what is unfinished, too."""
        kept = keep | {self.named("current"), self.named("good")}
        for entry in self._entries():
            digest = entry.name.removesuffix(UNFINISHED).removesuffix(PART)
            if len(digest) != DIGEST_LENGTH or (entry.name == digest and digest in kept):
                continue
            if entry.suffix == PART and digest in keep:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)

    def _entries(self) -> list[Path]:
        return list(self.folder.iterdir()) if self.folder.is_dir() else []

    @contextmanager
    def locked(self, *, wait: bool = True) -> Iterator[bool]:
        """One process at a time adds or removes: the agent, or a person with a folder. May be nested in one thread.

        Without `wait` it may be that somebody else has it: then False is what comes.
        """
        if self._held:
            yield True
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            self._held = True
            try:
                yield True
            finally:
                self._held = False


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
