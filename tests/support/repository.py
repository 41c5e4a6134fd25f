"""A signed repository with models in it, and the TUF client that devices use, asking over real HTTP."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import msgspec
from securesystemslib.signer import CryptoSigner
from sqlalchemy import text
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Targets
from tuf.ngclient import FetcherInterface, Updater

from stressvision_contracts.manifest import read_manifest
from stressvision_store import model_files, model_versions
from stressvision_store.repository import publishing, renewal
from stressvision_store.repository.birth import AllKeys, create_repository
from stressvision_store.repository.keys import ServerKeys
from stressvision_store.repository.metadata import find_content
from stressvision_store.session import transaction
from support.database import Database
from support.manifests import make_manifest

REGISTRAR, APPROVER = "Ana (token 1)", "Berta (token 2)"


@dataclass
class Repository:
    """The server's side: keys in memory, rows in `database`, written as the control API writes them."""

    database: Database
    roots: list[CryptoSigner] = field(default_factory=lambda: [CryptoSigner.generate_ed25519()])
    targets: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)
    online: CryptoSigner = field(default_factory=CryptoSigner.generate_ed25519)

    @property
    def keys(self) -> ServerKeys:
        return ServerKeys(self.online, self.targets)

    def create(self, *, threshold: int = 1, now: datetime | None = None) -> None:
        with transaction(self.database.engine("owner")) as session:
            create_repository(session, AllKeys(self.roots, self.targets, self.online, threshold), now)

    def register(self, version: str, content: bytes, **changes: Any) -> None:
        """A candidate with its file."""
        digest = hashlib.sha256(content).hexdigest()
        stated = make_manifest(version=version, digest=digest, size_bytes=len(content), **changes)
        manifest = read_manifest(msgspec.json.encode(stated))
        with transaction(self.database.engine("control")) as session:
            model_versions.register_model(session, manifest, actor=REGISTRAR)
            model_files.keep_file(session, version, content)

    def approve(self, version: str) -> None:
        with transaction(self.database.engine("control")) as session:
            model_versions.approve_model(session, version, actor=APPROVER)

    def publish(self, version: str, now: datetime | None = None) -> bool:
        with transaction(self.database.engine("control")) as session:
            return publishing.publish(session, version, self.keys, now)

    def withdraw(self, version: str) -> bool:
        with transaction(self.database.engine("control")) as session:
            return publishing.withdraw(session, version, self.keys)

    def renew(self, now: datetime | None = None) -> list[str]:
        """As the worker does."""
        with transaction(self.database.engine("worker")) as session:
            return list(renewal.renew(session, self.keys, now))

    def add(self, version: str, content: bytes, now: datetime | None = None, **changes: Any) -> None:
        """A model that devices are offered."""
        self.register(version, content, **changes)
        self.approve(version)
        self.publish(version, now)

    def content(self, role: str, version: int) -> bytes:
        asked = text("SELECT content FROM tuf_metadata WHERE role = :role AND version = :version")
        with self.database.engine().connect() as connection:
            return bytes(connection.execute(asked, {"role": role, "version": version}).scalar_one())

    def version(self, role: str) -> int:
        asked = text("SELECT max(version) FROM tuf_metadata WHERE role = :role")
        with self.database.engine().connect() as connection:
            return int(connection.execute(asked, {"role": role}).scalar_one())


class HttpFetcher(FetcherInterface):
    """With a device's token."""

    def __init__(self, client: httpx.Client, headers: dict[str, str]) -> None:
        self._client, self._headers = client, headers

    def _fetch(self, url: str) -> Iterator[bytes]:
        answer = self._client.get(url, headers=self._headers)
        if not answer.is_success:
            raise DownloadHTTPError(answer.text, answer.status_code)
        yield answer.content


class FolderFetcher(FetcherInterface):
    """From files: `http://anything/` is `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        file = self._folder / url.removeprefix("http://folder/")
        if not file.is_file():
            raise DownloadHTTPError(f"no {file}", 404)
        yield file.read_bytes()


class StoreFetcher(FetcherInterface):
    """From the database, as the intake would answer."""

    def __init__(self, repository: "Repository") -> None:
        self._repository = repository

    def _fetch(self, url: str) -> Iterator[bytes]:
        role, version = url.rpartition("/")[2].removesuffix(".json"), None
        if role != "timestamp":
            number, _, role = role.partition(".")
            version = int(number)
        with transaction(self._repository.database.engine("ingest")) as session:
            content = find_content(session, role, version)
        if content is None:
            raise DownloadHTTPError(f"no {url}", 404)
        yield content


@dataclass
class TufClient:
    """One device's view, kept in `folder` between updates, beginning with `root`."""

    folder: Path
    fetcher: FetcherInterface
    root: bytes
    base: str = "/v1/models"

    def updater(self) -> Updater:
        (self.folder / "targets").mkdir(parents=True, exist_ok=True)
        return Updater(
            str(self.folder / "metadata"),
            f"{self.base}/metadata/",
            str(self.folder / "targets"),
            f"{self.base}/targets/",
            fetcher=self.fetcher,
            bootstrap=self.root,
        )

    def refresh(self) -> Updater:
        updater = self.updater()
        updater.refresh()
        return updater

    def download(self, version: str) -> tuple[bytes, dict[str, Any]]:
        """The file of a model and its manifest, verified."""
        updater = self.refresh()
        target = updater.get_targetinfo(f"{version}.tflite")
        assert target is not None, f"{version} is not offered"
        return Path(updater.download_target(target)).read_bytes(), json.loads(target.custom["manifest"])


def offered(tuf: TufClient) -> set[str]:
    """What a device is told that it may have."""
    targets: Targets = tuf.refresh()._trusted_set.targets
    return {path.removesuffix(".tflite") for path in targets.targets}


def published(repository: Repository) -> set[str]:
    """What the registry says of it."""
    with repository.database.engine().connect() as connection:
        return set(connection.scalars(text("SELECT version FROM model_versions WHERE published_at IS NOT NULL")))
