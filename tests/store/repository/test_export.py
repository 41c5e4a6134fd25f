"""The repository as a folder, for devices without a network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.api.exceptions import ExpiredMetadataError

from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.repository.export import export_files
from stressvision_store.session import transaction
from support.repository import FolderFetcher, Repository, StoreFetcher, TufClient, offered

pytestmark = pytest.mark.db


def export(repository: Repository, folder: Path, days: int = 30, **options: object) -> None:
    with transaction(repository.database.engine("control")) as session:
        for path, content in export_files(session, repository.keys, days=days, **options):  # type: ignore[arg-type]
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def test_a_device_without_a_network_updates_from_a_folder(repository: Repository, tmp_path: Path) -> None:
    repository.add("m-1", b"one")
    export(repository, tmp_path / "usb")
    usb = FolderFetcher(tmp_path / "usb")
    tuf = TufClient(tmp_path / "client", usb, repository.content("root", 1), base="http://folder")
    content, manifest = tuf.download("m-1")
    assert (content, manifest["version"]) == (b"one", "m-1")

    file = next((tmp_path / "usb" / "targets").iterdir())
    file.write_bytes(b"two")
    with pytest.raises(Exception, match="hash"):
        tuf.download("m-1")


def test_a_device_that_was_online_takes_a_later_folder_and_not_an_earlier_one(
    repository: Repository, tuf: TufClient, tmp_path: Path
) -> None:
    repository.add("m-1", b"one")
    export(repository, tmp_path / "early")
    assert offered(tuf) == {"m-1"}
    repository.add("m-2", b"two")
    export(repository, tmp_path / "late")
    tuf.base = "http://folder"
    tuf.fetcher = FolderFetcher(tmp_path / "late")
    assert tuf.download("m-2")[0] == b"two"
    tuf.fetcher = FolderFetcher(tmp_path / "early")
    with pytest.raises(Exception, match="version"):
        tuf.refresh()
    tuf.fetcher = StoreFetcher(repository)
    assert offered(tuf) == {"m-1", "m-2"}, "the network has what the folder has, and newer signatures"


def test_a_folder_is_good_for_as_long_as_it_was_signed(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)
    repository.add("m-1", b"one")
    with transaction(repository.database.engine("control")) as session:
        ended = list(export_files(session, repository.keys, days=30, now=now - timedelta(days=31)))
        good = list(export_files(session, repository.keys, days=30, now=now - timedelta(days=29)))
    for name, files in (("ended", ended), ("good", good)):
        for path, content in files:
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_bytes(content)
        fetcher = FolderFetcher(tmp_path / name)
        tuf = TufClient(tmp_path / f"of {name}", fetcher, repository.content("root", 1), base="http://folder")
        if name == "good":
            tuf.refresh()
        else:
            with pytest.raises(ExpiredMetadataError):
                tuf.refresh()


def test_what_cannot_be_exported_is_said(repository: Repository, tmp_path: Path) -> None:
    repository.register("m-1", b"one")
    with pytest.raises(ConflictError, match="is not offered"):
        export(repository, tmp_path, version="m-1")
    with pytest.raises(InvalidError, match="from 1 to 180"):
        export(repository, tmp_path, days=400)
