"""A model brought in a folder, the agent stopped or running, and no server anywhere."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from stressvision_agent.cli import app
from stressvision_contracts.fleet import DesiredModel
from support.models import FACTORY, SHIPPED, SmallRepository, make_model
from support.updating import device_of, open_slots, settings_of

PROGRAM = Path(sys.executable).with_name("stressvision-agent")


@pytest.fixture
def repository():
    return SmallRepository()


@pytest.fixture
def settings(tmp_path):
    return settings_of(tmp_path / "state", "http://127.0.0.1:9")


@pytest.fixture
def call(tmp_path, settings):
    config = tmp_path / "agent.toml"
    config.write_text(
        f'[server]\nurl = "{settings.server.url}"\n[device]\nstate_dir = "{tmp_path}/state"\n'
        f'[vision]\nmodel = "{SHIPPED}"\n[spool]\nmin_free_bytes = 0\n[updates]\nlatency_p95_s = 0.5\n'
    )
    settings.device.state_dir.mkdir()

    def call(*words, program=False):
        command = list(map(str, ["update", "--config", config, "--json", *words]))
        if program:
            done = subprocess.run([PROGRAM, *command], capture_output=True, text=True, timeout=60, check=False)
            return json.loads(done.stdout)
        result = CliRunner().invoke(app, command)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        return json.loads(result.stdout) if result.exit_code == 0 else result.stderr

    return call


def test_the_agent_uses_at_its_next_start_what_was_brought(call, settings, repository, tmp_path):
    wish = repository.add(make_model("good"), "n-1")
    facts = call("--from", repository.export(tmp_path / "usb"))
    assert (facts["taken"], facts["wanted"], facts["current"]) == ("n-1", "n-1", FACTORY["version"])
    assert facts["kept"] == [wish.digest]
    with device_of(settings) as device:
        assert device.turn().state == "installed"
        assert device.see().state == "confirmed"
    facts = call("--status", program=True)
    assert (facts["current"], facts["good"], facts["state"]) == ("n-1", "n-1", "confirmed")


def test_a_running_agent_finds_it(call, settings, repository, tmp_path):
    repository.add(make_model("good"), "n-1")
    with device_of(settings) as device:
        device.turn()
        call("--from", repository.export(tmp_path / "usb"))
        assert device.turn().state == "installed"


def test_it_holds_until_the_server_wishes_something_else(call, settings, repository, tmp_path):
    repository.add(make_model("good"), "n-1")
    stale = DesiredModel(version=FACTORY["version"], digest=FACTORY["digest"])
    with device_of(settings) as device:
        device.wish(stale)
        device.turn()
        call("--from", repository.export(tmp_path / "usb"))
        device.turn().see()
        device.wish(stale)
        assert device.turn(3).in_use.manifest.version == "n-1"
        device.wish(None)
        device.turn()
        device.wish(stale)
        assert device.turn().in_use.manifest.version == FACTORY["version"]


def test_one_of_several_must_be_named(call, repository, tmp_path):
    for number in (1, 2):
        repository.add(make_model("good", number), f"n-{number}")
    usb = repository.export(tmp_path / "usb")
    assert "n-1, n-2; say which by --version" in call("--from", usb)
    assert call("--from", usb, "--version", "n-2")["taken"] == "n-2"


def test_a_bad_model_is_refused_with_its_reason(call, settings, repository, tmp_path):
    repository.add(make_model("constant"), "bad-1")
    assert "the same answer for every stored crop" in call("--from", repository.export(tmp_path / "usb"))
    with device_of(settings) as device:
        assert device.turn().updater.report() is None


def test_a_folder_of_the_past_is_refused(call, repository, tmp_path):
    repository.add(make_model("good", 1), "n-1")
    old = repository.export(tmp_path / "old")
    repository.add(make_model("good", 2), "n-2")
    assert call("--from", repository.export(tmp_path / "new"), "--version", "n-2")["taken"] == "n-2"
    assert "older than what this device has seen" in call("--from", old)


def test_an_expired_folder_and_an_empty_one_are_refused(call, repository, tmp_path):
    repository.lifetime = timedelta(seconds=-1)
    repository.add(make_model("good"), "n-1")
    assert "out of date" in call("--from", repository.export(tmp_path / "usb"))
    assert "metadata/timestamp.json is missing" in call("--from", tmp_path)


def test_a_refused_model_is_tried_anew_when_it_is_brought_again(call, settings, repository, tmp_path):
    repository.add(make_model("good"), "n-1")
    usb = repository.export(tmp_path / "usb")
    with device_of(settings) as device:
        for _ in range(2):
            call("--from", usb)
            assert device.turn().state == "installed"
            device.updater._take_back("for the test")
            assert device.turn().state == "reverted"


def test_neither_folder_nor_status_is_no_order(call):
    assert "--from FOLDER or --status" in call()


def test_what_is_being_brought_is_not_tidied_away(settings, repository, tmp_path):
    offer = repository.add(make_model("good"), "n-1")
    other = open_slots(settings)
    with device_of(settings) as device, other.shelf.locked():
        (device.slots.shelf.folder / offer.digest).mkdir()
        device.updater._tidy()
        assert device.slots.shelf.digests() == [offer.digest]
    with device_of(settings) as device:
        device.updater._tidy()
        assert device.slots.shelf.digests() == []
