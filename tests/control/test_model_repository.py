"""Signing on an operator's machine, an archive for an air gap, and two models side by side."""

import hashlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from stressvision_control.cli.app import app
from stressvision_control.models.scores import compare
from stressvision_store.locks import Lock
from stressvision_store.repository.keys import make_key
from support.control import Control
from support.manifests import MODEL, content_of, make_manifest, write_model
from support.repository import FolderFetcher, Repository, StoreFetcher, TufClient, offered
from support.servers import wait_until

OCTETS = {"Content-Type": "application/octet-stream"}

Command = Callable[..., Result]


@pytest.fixture
def stressvision(signing: Control, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    """The command as Berta runs it; another operator without the server's folder of keys."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", signing.url)

    def run(*words: str, code: int = 0, stdin: str | None = None, by: str = "Berta") -> Result:
        authorization = signing.as_role(by).headers["authorization"]
        monkeypatch.setenv("STRESSVISION_TOKEN", authorization.removeprefix("Bearer "))
        result = CliRunner().invoke(app, ["models", *words], input=stdin)
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    return run


@pytest.fixture
def offline(keys: Path, tmp_path: Path) -> Path:
    """The targets key, taken off the server."""
    return (keys / "targets.pem").rename(tmp_path / "offline.pem")


@pytest.fixture
def tuf(signing: Control, tmp_path: Path) -> TufClient:
    repository = Repository(signing.database)
    return TufClient(tmp_path / "client", StoreFetcher(repository), repository.content("root", 1))


def register(stressvision: Command, folder: Path, version: str = "test-1", **changes: Any) -> None:
    write_model(folder / version, version=version, **changes)
    stressvision("register", str(folder / version), by="Ana")


@pytest.mark.db
def test_a_model_is_signed_where_the_key_lies(
    stressvision: Command, offline: Path, tuf: TufClient, tmp_path: Path
) -> None:
    register(stressvision, tmp_path)
    assert "is candidate; only an approved" in stressvision("sign", "test-1", "--key", str(offline), code=1).stderr
    assert "stressvision models sign test-1" in stressvision("approve", "test-1").stdout
    assert offered(tuf) == set()

    shown = stressvision("sign", "test-1", "--key", str(offline), stdin="n\n", code=1)
    assert hashlib.sha256(MODEL).hexdigest() in shown.stdout
    assert offered(tuf) == set()
    assert "offered test-1" in stressvision("sign", "test-1", "--key", str(offline), stdin="y\n").stdout
    assert offered(tuf) == {"test-1"}
    stressvision("renew", "--key", str(offline))
    assert offered(tuf) == {"test-1"}

    assert "can still download it" in stressvision("retire", "test-1").stdout
    stressvision("sign", "test-1", "--key", str(offline), "--yes")
    assert offered(tuf) == set()


@pytest.mark.db
def test_another_key_or_another_copy_is_told_apart(stressvision: Command, offline: Path, tmp_path: Path) -> None:
    register(stressvision, tmp_path)
    stressvision("approve", "test-1")
    make_key(tmp_path / "thief.pem")
    refused = stressvision("sign", "test-1", "--key", str(tmp_path / "thief.pem"), "--yes", code=1)
    assert "are not signed by the key" in refused.stderr
    root = tmp_path / "root.json"
    root.write_text(stressvision("repository", "--json").stdout)
    assert (
        "no TUF metadata"
        in stressvision("sign", "test-1", "--key", str(offline), "--root", str(root), "--yes", code=1).stderr
    )
    write_model(tmp_path / "copy", version="test-1", digest=hashlib.sha256(b"other").hexdigest())
    (tmp_path / "copy" / "model.tflite").write_bytes(b"other")
    told = stressvision("sign", "test-1", "--key", str(offline), "--folder", str(tmp_path / "copy"), "--yes", code=1)
    assert "your copy in" in told.stderr
    assert stressvision("sign", "test-1", "--key", str(tmp_path / "nothing"), "--yes", code=1).stderr.count("cannot be")


@pytest.mark.db
def test_a_file_that_the_server_changed_is_not_signed(
    stressvision: Command, signing: Control, offline: Path, tmp_path: Path
) -> None:
    register(stressvision, tmp_path)
    stressvision("approve", "test-1")
    with signing.database.engine().begin() as connection:
        connection.execute(text("UPDATE model_files SET content = 'evil'"))
    refused = stressvision("sign", "test-1", "--key", str(offline), "--yes", code=1)
    assert "the server's file of model test-1 has the digest" in refused.stderr


@pytest.mark.db
def test_an_exported_folder_is_all_a_device_needs(
    stressvision: Command, signing: Control, tuf: TufClient, tmp_path: Path
) -> None:
    for version in ("test-1", "test-2"):
        register(stressvision, tmp_path, version)
        stressvision("approve", version)
    exported = json.loads(stressvision("export", str(tmp_path / "usb"), "--days", "9", "--json").stdout)
    digests = {version: hashlib.sha256(content_of(version)).hexdigest() for version in ("test-1", "test-2")}
    assert {path for path in exported["files"] if path.startswith("targets/")} == {
        f"targets/{digest}.{version}.tflite" for version, digest in digests.items()
    }
    assert "is not empty" in stressvision("export", str(tmp_path / "usb"), code=2).stderr
    tuf.fetcher, tuf.base = FolderFetcher(tmp_path / "usb"), "http://folder"
    assert tuf.download("test-2")[0] == content_of("test-2")
    alone = json.loads(stressvision("export", str(tmp_path / "one"), "--version", "test-1", "--json").stdout)
    assert len([path for path in alone["files"] if path.startswith("targets/")]) == 1
    actions = signing.admin.get("/v1/audit", params={"action": "model.export"}).json()["items"]
    assert [each["detail"]["days"] for each in actions] == [30, 9]


def scores(accuracy: float, interval: list[float], **recalls: float) -> dict[str, Any]:
    test = {"accuracy": accuracy, "macro_f1": accuracy - 0.03, "ece": 0.01}
    test |= {f"recall_{label}": value for label, value in recalls.items()}
    return {"int8": {"test": test}, "intervals": {"test": {"accuracy": interval, "macro_f1": interval}}}


@pytest.mark.db
def test_two_models_are_compared_without_a_claim_that_the_figures_do_not_bear(
    stressvision: Command, tmp_path: Path
) -> None:
    register(stressvision, tmp_path, "old", scores=scores(0.80, [0.78, 0.82], fatigue=0.8))
    register(stressvision, tmp_path, "new", scores=scores(0.81, [0.79, 0.83], fatigue=0.9))
    benchmark = tmp_path / "new" / "report"
    benchmark.mkdir()
    (benchmark / "benchmark.json").write_text('{"p95_ms": 3.5}')
    stressvision("register", str(tmp_path / "new"), by="Ana")
    figures = json.loads(stressvision("compare", "old", "new", "--json").stdout)["figures"]
    told = {row["figure"]: (row["difference"], row["ahead"]) for row in figures}
    assert told["accuracy"] == (0.01, None), "the intervals overlap"
    assert told["recall_fatigue"] == (0.1, "second")
    assert [row["second"] for row in figures if row["figure"] == "p95 latency in ms"] == [3.5]
    listed = {row["version"]: row["accuracy"] for row in json.loads(stressvision("list", "--json").stdout)}
    assert listed == {"old": 0.80, "new": 0.81}
    table = stressvision("compare", "old", "new").stdout
    assert "0.8 [0.78, 0.82]" in table
    assert "+0.1" in table


@pytest.mark.parametrize(
    ("first", "second", "ahead"),
    [
        (scores(0.9, [0.89, 0.91]), scores(0.8, [0.79, 0.81]), "first"),
        (scores(0.8, [0.79, 0.81]), scores(0.9, [0.89, 0.91]), "second"),
        (scores(0.8, [0.7, 0.9]), scores(0.8, [0.7, 0.9]), None),
        ({}, scores(0.9, [0.89, 0.91]), None),
    ],
)
def test_who_is_ahead(first: dict[str, Any], second: dict[str, Any], ahead: str | None) -> None:
    rows = {row["figure"]: row for row in compare(make_manifest(scores=first), make_manifest(scores=second))}
    assert rows["accuracy"]["ahead"] == ahead
    assert rows["size in MB"]["ahead"] is None


def test_a_smaller_error_or_file_is_ahead() -> None:
    rows = {row["figure"]: row for row in compare(make_manifest(size_bytes=2_000_000), make_manifest())}
    assert rows["size in MB"]["ahead"] == "second"


@pytest.mark.parametrize("action", ["approve", "retire"])
def test_whoever_waits_for_the_repository_holds_no_model_up(signing: Control, action: str) -> None:
    """Signed targets take the repository, then the models: the other way round, two would wait for each other."""
    stated = {"digest": hashlib.sha256(content_of("test-1")).hexdigest(), "size_bytes": len(content_of("test-1"))}
    ana = signing.as_role("Ana")
    ana.post("/v1/models", json=make_manifest(version="test-1", **stated)).raise_for_status()
    ana.put("/v1/models/test-1/file", content=content_of("test-1"), headers=OCTETS).raise_for_status()
    berta = signing.as_role("Berta")
    answers: list[httpx.Response] = []
    asks = threading.Thread(target=lambda: answers.append(berta.post(f"/v1/models/test-1/{action}")))
    with psycopg.connect(signing.database.admin_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [Lock.REPOSITORY.value])
        asks.start()
        wait_until(lambda: _waits(signing), "the request")
        other.execute("SELECT FROM ops.models WHERE version = 'test-1' FOR UPDATE NOWAIT")
    asks.join()
    assert answers[0].json()["state"] == f"{action}d"


def _waits(control: Control) -> bool:
    with psycopg.connect(control.database.admin_url) as connection:
        waiting = connection.execute("SELECT FROM pg_locks WHERE NOT granted AND locktype = 'advisory'").fetchone()
    return waiting is not None
