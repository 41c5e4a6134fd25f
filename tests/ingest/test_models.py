"""The signed repository over the device API, asked by the TUF client that devices use, honestly and through a liar."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from securesystemslib.signer import CryptoSigner
from sqlalchemy import text
from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Timestamp

from support.database import TEMPLATE, Cluster, Database, create_database, drop_database
from support.intake import Device, join, make_settings, serve_intake
from support.repository import HttpFetcher, Repository, TufClient

pytestmark = pytest.mark.db

FIRST, SECOND = bytes(range(256)) * 1000, b"second" * 50_000
TARGETS, METADATA = "/v1/models/targets", "/v1/models/metadata"


@pytest.fixture(scope="module")
def repository(database: Database) -> Repository:
    made = Repository(database)
    made.create()
    made.add("fleet-1", FIRST)
    return made


class Liar(HttpFetcher):
    """Somebody on the way who puts other bytes in the place of those that end in `name`."""

    def __init__(self, client: httpx.Client, headers: dict[str, str]) -> None:
        super().__init__(client, headers)
        self.lies: dict[str, bytes] = {}

    def _fetch(self, url: str) -> Iterator[bytes]:
        for name, content in self.lies.items():
            if url.endswith(name):
                yield content
                return
        yield from super()._fetch(url)


@pytest.fixture
def liar(client: httpx.Client, device: Device) -> Liar:
    return Liar(client, device.headers)


@pytest.fixture
def tuf(liar: Liar, repository: Repository, tmp_path: Path) -> TufClient:
    return TufClient(tmp_path, liar, repository.content("root", 1))


def address(repository: Repository, version: str) -> str:
    asked = text("SELECT digest FROM model_versions WHERE version = :version")
    with repository.database.engine().connect() as connection:
        return f"{TARGETS}/{connection.execute(asked, {'version': version}).scalar_one()}.{version}.tflite"


def test_a_device_downloads_what_was_published(tuf: TufClient, repository: Repository):
    content, manifest = tuf.download("fleet-1")
    assert content == FIRST
    assert manifest["version"] == "fleet-1"

    repository.add("fleet-2", SECOND)
    assert tuf.download("fleet-2")[0] == SECOND
    assert tuf.download("fleet-1")[0] == FIRST


@pytest.mark.parametrize(
    "content", [FIRST[:-1], FIRST + b"!", b"", b"x" + FIRST[1:]], ids=["truncated", "longer", "empty", "tampered"]
)
def test_another_file_than_the_signed_one_is_refused(tuf: TufClient, liar: Liar, content: bytes):
    liar.lies[".fleet-1.tflite"] = content
    with pytest.raises((LengthOrHashMismatchError, DownloadError)):
        tuf.download("fleet-1")
    assert list((tuf.folder / "targets").iterdir()) == []


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_metadata_that_was_changed_after_signing_is_refused(
    tuf: TufClient, liar: Liar, repository: Repository, role: str
):
    honest = repository.content(role, repository.version(role))
    liar.lies[f"{role}.json"] = honest.replace(b'"spec_version":"1.0', b'"spec_version":"1.1', 1)
    with pytest.raises((UnsignedMetadataError, LengthOrHashMismatchError)):
        tuf.refresh()


def test_an_older_timestamp_is_refused(tuf: TufClient, liar: Liar, repository: Repository):
    liar.lies["timestamp.json"] = repository.content("timestamp", repository.version("timestamp"))
    tuf.refresh()
    honest = liar.lies.pop("timestamp.json")
    repository.add("rollback-1", b"rollback")
    tuf.refresh()
    liar.lies["timestamp.json"] = honest
    with pytest.raises(BadVersionNumberError):
        tuf.refresh()


def test_even_with_the_online_key_nobody_brings_back_older_targets(tuf: TufClient, liar: Liar, repository: Repository):
    older = repository.version("targets")
    repository.add("stolen-1", b"stolen")
    tuf.refresh()
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    targets = MetaFile.from_data(older, repository.content("targets", older), ["sha256"])
    snapshot = Metadata(Snapshot(version=998, expires=ends, meta={"targets.json": targets}))
    snapshot.sign(repository.online)
    timestamp = Metadata(Timestamp(version=999, expires=ends, snapshot_meta=MetaFile(998)))
    timestamp.sign(repository.online)
    liar.lies = {"998.snapshot.json": snapshot.to_bytes(), "timestamp.json": timestamp.to_bytes()}
    with pytest.raises(BadVersionNumberError):
        tuf.refresh()


def test_parts_of_two_states_are_not_mixed(tuf: TufClient, liar: Liar, repository: Repository):
    old = {role: repository.content(role, repository.version(role)) for role in ("snapshot", "targets")}
    repository.add("mixed-1", b"mixed")
    for role, content in old.items():
        liar.lies = {f"{role}.json": content}
        with pytest.raises(LengthOrHashMismatchError):
            tuf.refresh()
    liar.lies = {}
    assert tuf.download("mixed-1")[0] == b"mixed"


@pytest.mark.parametrize("role", ["timestamp", "root"])
def test_metadata_of_another_key_is_refused(tuf: TufClient, liar: Liar, role: str):
    liar.lies[f"{role}.json"] = _forged(role)
    with pytest.raises(UnsignedMetadataError):
        tuf.refresh()


def _forged(role: str) -> bytes:
    """What somebody without our keys can sign."""
    thief = CryptoSigner.generate_ed25519()
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    if role == "timestamp":
        made = Metadata(Timestamp(version=999, expires=ends, snapshot_meta=MetaFile(999)))
        made.sign(thief)
        return made.to_bytes()
    root = Root(version=2, expires=ends, consistent_snapshot=True)
    for name in ("root", "targets", "snapshot", "timestamp"):
        root.add_key(thief.public_key, name)
    forged = Metadata(root)
    forged.sign(thief)
    return forged.to_bytes()


def test_a_client_that_trusts_another_root_takes_nothing(liar: Liar, tmp_path: Path):
    with pytest.raises(UnsignedMetadataError):
        TufClient(tmp_path, liar, _forged("root")).refresh()


def test_an_expired_timestamp_is_refused_and_a_renewed_one_taken(cluster: Cluster, redis_url: str, tmp_path: Path):
    database = create_database(cluster, f"expired_{secrets.token_hex(4)}", TEMPLATE)
    made = Repository(database)
    made.create(now=datetime.now(UTC) - timedelta(days=2))
    with serve_intake(make_settings(database, redis_url)) as client:
        device = join(client, database.engine())
        tuf = TufClient(tmp_path, HttpFetcher(client, device.headers), made.content("root", 1))
        with pytest.raises(ExpiredMetadataError):
            tuf.refresh()
        assert made.renew() == ["timestamp"]
        tuf.refresh()
        assert made.renew() == []
    drop_database(cluster, database)


@pytest.mark.parametrize(
    "name",
    [
        f"{METADATA}/2.root.json", f"{METADATA}/999.snapshot.json", f"{METADATA}/root.json",
        f"{METADATA}/1.timestamp.json", f"{METADATA}/0.root.json", f"{METADATA}/x.json", f"{METADATA}/1.role.json",
        f"{TARGETS}/fleet-1.tflite", f"{TARGETS}/{'0' * 64}.fleet-1.tflite", f"{TARGETS}/{'0' * 64}.nothing.tflite",
        f"{TARGETS}/..%2F..%2Fetc%2Fpasswd",
    ],
)  # fmt: skip
def test_what_is_not_there_is_404(client: httpx.Client, device: Device, repository: Repository, name: str):
    assert client.get(name, headers=device.headers).status_code == 404


def test_a_candidate_is_not_served_and_a_retired_model_no_longer(
    client: httpx.Client, device: Device, repository: Repository
):
    repository.register("held-1", b"held")
    url = address(repository, "held-1")
    assert client.get(url, headers=device.headers).status_code == 404
    repository.approve("held-1")
    repository.publish("held-1")
    assert client.get(url, headers=device.headers).content == b"held"
    repository.withdraw("held-1")
    assert client.get(url, headers=device.headers).status_code == 404


def test_only_devices_that_may_speak_are_served(client: httpx.Client, database: Database, repository: Repository):
    device = join(client, database.engine())
    urls = (f"{METADATA}/timestamp.json", address(repository, "fleet-1"))
    for url in urls:
        assert client.get(url).status_code == 401
        assert client.get(url, headers=device.headers).status_code == 200
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE devices SET revoked_at = now() WHERE id = :id"), {"id": device.id})
    deadline = datetime.now(UTC) + timedelta(seconds=10)
    while client.get(urls[0], headers=device.headers).status_code == 200 and datetime.now(UTC) < deadline:
        pass
    assert [client.get(url, headers=device.headers).status_code for url in urls] == [403, 403]


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=100000-", slice(100_000, None)),
        ("bytes=-7", slice(-7, None)),
        ("bytes=-999999999", slice(None)),
        ("bytes=255990-999999999", slice(255_990, None)),
        ("bytes=70000-140000", slice(70_000, 140_001)),
    ],
)
def test_a_part_of_a_file_is_given(client: httpx.Client, device: Device, repository: Repository, asked, part):
    answer = client.get(address(repository, "fleet-1"), headers={**device.headers, "Range": asked})
    assert answer.status_code == 206
    assert answer.content == FIRST[part]
    assert answer.headers["content-length"] == str(len(FIRST[part]))
    first = len(FIRST) - len(FIRST[part]) if part.start is None or part.start < 0 else part.start
    assert answer.headers["content-range"] == f"bytes {first}-{first + len(FIRST[part]) - 1}/{len(FIRST)}"


@pytest.mark.parametrize("asked", ["bytes=256000-", "bytes=999999-9999999", "bytes=-0"])
def test_a_part_beyond_the_end_is_416(client: httpx.Client, device: Device, repository: Repository, asked: str):
    answer = client.get(address(repository, "fleet-1"), headers={**device.headers, "Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{len(FIRST)}"


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-", "bytes=٣-"])
def test_a_range_that_says_nothing_gets_the_whole(
    client: httpx.Client, device: Device, repository: Repository, asked: str
):
    answer = client.get(address(repository, "fleet-1"), headers={**device.headers, "Range": asked.encode()})
    assert (answer.status_code, len(answer.content)) == (200, len(FIRST))


def test_tags_say_whether_it_is_the_same_file(client: httpx.Client, device: Device, repository: Repository):
    url = address(repository, "fleet-1")
    head = client.head(url, headers=device.headers)
    tag = head.headers["etag"]
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(FIRST)))
    assert client.get(url, headers={**device.headers, "If-None-Match": tag}).status_code == 304
    ranged = {**device.headers, "Range": "bytes=0-9"}
    assert client.get(url, headers={**ranged, "If-Range": tag}).status_code == 206
    assert client.get(url, headers={**ranged, "If-Range": '"another"'}).status_code == 200


def test_many_at_once_get_the_same_bytes_and_are_counted(
    client: httpx.Client, device: Device, repository: Repository, database: Database
):
    repository.add("crowd-1", SECOND[:-1])
    url = address(repository, "crowd-1")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.get(url, headers=device.headers), range(60)))
    assert {answer.content for answer in answers} == {SECOND[:-1]}
    shown = client.get("/metrics").text
    assert 'stressvision_ingest_model_requests_total{kind="target",status="2xx"}' in shown
    assert "stressvision_ingest_model_bytes_total" in shown
