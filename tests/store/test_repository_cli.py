"""`stressvision-store models`: keys, roots, and the factory model, as whoever installs the platform uses them."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from native.layout import ROOT
from stressvision_store.cli import app
from stressvision_store.repository.keys import make_key, read_key
from support.database import Database
from support.manifests import MODEL, write_model
from support.repository import Repository, StoreFetcher, TufClient, offered

pytestmark = pytest.mark.db


class Command:
    """The command, with its keys in a folder of the test's."""

    def __init__(self, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.keys = folder / "keys"
        self.repository = Repository(database)
        monkeypatch.setenv("STRESSVISION_OWNER_DATABASE_URL", database.url("owner"))
        monkeypatch.setenv("STRESSVISION_SIGNING_KEYS", str(self.keys))

    def __call__(self, *words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["models", *words, "--json"])
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        assert "PRIVATE" not in result.output
        return json.loads(result.stdout) if code == 0 else result.stderr

    def client(self, folder: Path) -> TufClient:
        return TufClient(folder / "client", StoreFetcher(self.repository), self.repository.content("root", 1))


@pytest.fixture
def command(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(database, tmp_path, monkeypatch)


def test_keys_are_made_once_and_for_their_owner_alone(command: Command, tmp_path: Path) -> None:
    made = command("init")
    assert made["created"] is True
    assert [Path(file).name for file in made["made"]] == ["root.pem", "targets.pem", "online.pem"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in command.keys.iterdir()} == {0o600}
    assert stat.S_IMODE(command.keys.stat().st_mode) == 0o700
    kept = {file.name: file.read_bytes() for file in command.keys.iterdir()}

    assert command("init") == {"created": False, "made": [], "renewed": []}
    assert {file.name: file.read_bytes() for file in command.keys.iterdir()} == kept
    assert set(command("show")) == {"root", "targets", "snapshot", "timestamp"}
    command.client(tmp_path).refresh()


def test_a_missing_key_is_not_made_anew_once_root_names_another(command: Command) -> None:
    command("init")
    (command.keys / "targets.pem").unlink()
    assert command("init")["made"] == []
    assert not (command.keys / "targets.pem").exists()


def test_several_root_keys_from_the_start(command: Command) -> None:
    assert len(command("init", "--root-keys", "3", "--threshold", "2")["made"]) == 5
    for number in (2, 3):
        (command.keys / f"root-{number}.pem").rename(command.keys.parent / f"safe-{number}.pem")
    draft = command.keys.parent / "draft.json"
    assert "signatures are missing: 1 of the keys of root 1" in command(
        "rotate", "targets", "--new", str(command.keys / "targets-2.pem"), code=1
    )
    new = str(command.keys / "targets-2.pem")
    command("rotate", "targets", "--new", new, "--draft", str(draft))
    assert "signatures are missing" in command("accept-root", str(draft), code=1)
    signed = command("sign-root", str(draft), "--key", str(command.keys.parent / "safe-3.pem"))
    assert len(signed["signatures"]) == 2
    assert "signed anew by a key that this root names" in command("accept-root", str(draft), code=1)
    (command.keys / "targets-2.pem").rename(command.keys / "targets.pem")
    command("accept-root", str(draft))
    assert command.repository.version("root") == 2


def test_a_threshold_that_cannot_be_met_is_refused(command: Command) -> None:
    assert "a threshold of 3 cannot be met by 2" in command("init", "--root-keys", "2", "--threshold", "3", code=1)


@pytest.mark.parametrize("name", ["online", "targets", "root"])
def test_rotation_puts_the_new_key_where_the_services_look(command: Command, tmp_path: Path, name: str) -> None:
    command("init")
    write_model(tmp_path / "model")
    command("install", str(tmp_path / "model"))
    tuf = command.client(tmp_path)
    assert offered(tuf) == {"test-1"}
    new = command.keys / f"{name}-2.pem"
    rotated = command("rotate", name, "--new", str(new))
    in_place = new if name == "root" else command.keys / f"{name}.pem"
    assert [read_key(in_place).public_key.keyid] == rotated["key_ids"]
    assert offered(tuf) == {"test-1"}
    write_model(tmp_path / "second", version="test-2")
    if name == "root":
        (command.keys / "root.pem").unlink()
    assert command("install", str(tmp_path / "second"))["published"] is True
    assert offered(tuf) == {"test-1", "test-2"}


def test_signatures_of_root_and_targets_that_end_are_renewed(
    command: Command, database: Database, tmp_path: Path
) -> None:
    command("init")
    with database.engine().begin() as connection:
        connection.execute(text("DELETE FROM tuf_metadata"))
    keys = [read_key(command.keys / f"{name}.pem") for name in ("root", "targets", "online")]
    old = Repository(database, roots=[keys[0]], targets=keys[1], online=keys[2])
    old.create(now=datetime.now(UTC) - timedelta(days=300))
    assert command("init")["renewed"] == ["root", "targets"]
    tuf = command.client(tmp_path)
    root = tuf.refresh()._trusted_set.root
    assert root.expires - datetime.now(UTC) > timedelta(days=364)
    assert command("init")["renewed"] == []


def test_the_factory_model_is_installed_approved_signed_and_desired(
    command: Command, database: Database, tmp_path: Path
) -> None:
    command("init")
    folder = ROOT / "models" / "stressvision"
    installed = command("install", str(folder))
    version = json.loads((folder / "manifest.json").read_text())["version"]
    expected = {"version": version, "is_new": True, "published": True, "desired": True, "notice": None}
    assert installed == expected
    assert command("install", str(folder)) == expected | {"is_new": False}
    assert offered(command.client(tmp_path)) == {version}
    with database.engine().connect() as connection:
        row = connection.execute(text("SELECT state, registered_by, approved_by FROM model_versions")).one()
        cards = connection.scalars(text("SELECT name FROM model_reports")).all()
    assert tuple(row) == ("approved", "factory", "factory")
    assert cards == ["README.md"]


def test_an_installation_from_before_gets_its_file(command: Command, database: Database, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    command("install", str(tmp_path / "model"))
    with database.engine().begin() as connection:  # as the migration leaves a model of an older platform
        connection.execute(text("DELETE FROM model_files"))
        connection.execute(text("UPDATE model_versions SET registered_by = NULL, approved_by = NULL"))
    command("init")
    installed = command("install", str(tmp_path / "model"))
    assert (installed["is_new"], installed["published"], installed["desired"]) == (False, True, True)


def test_another_desired_model_stays_desired_and_a_retired_one_stays_retired(
    command: Command, database: Database, tmp_path: Path
) -> None:
    command("init")
    write_model(tmp_path / "first")
    write_model(tmp_path / "second", version="test-2")
    command("install", str(tmp_path / "first"))
    assert command("install", str(tmp_path / "second"))["desired"] is False
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE model_versions SET state = 'retired' WHERE version = 'test-2'"))
    assert command("install", str(tmp_path / "second"))["notice"] == "it is retired"


def test_without_keys_it_is_installed_and_says_what_is_missing(command: Command, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    installed = command("install", str(tmp_path / "model"))
    assert installed["published"] is False
    assert "there is no signed repository yet" in installed["notice"]
    (tmp_path / "model" / "model.tflite").write_bytes(MODEL + b"!")
    assert "its manifest says" in command("install", str(tmp_path / "model"), code=1)


def test_a_locked_key_opens_with_its_passphrase_alone(tmp_path: Path) -> None:
    made = make_key(tmp_path / "locked.pem", "open sesame")
    assert b"ENCRYPTED" in (tmp_path / "locked.pem").read_bytes()
    assert read_key(tmp_path / "locked.pem", lambda: "open sesame").public_key.keyid == made.public_key.keyid
    for ask, why in ((lambda: "wrong", "the passphrase is wrong"), (None, "nobody is here to type it")):
        with pytest.raises(Exception, match=why):
            read_key(tmp_path / "locked.pem", ask)
    (tmp_path / "other.pem").write_text("no key")
    with pytest.raises(Exception, match="it is no private key"):
        read_key(tmp_path / "other.pem")
