"""`make deploy` and `make bundle`: what travels, what the playbook writes, what is said when something is missing."""

import json
import shutil
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path

import pytest
import yaml

from deployment import __main__, bundle, operator_tools, payload, playbook
from deployment.layout import ANSIBLE, PLATFORMS, REQUIREMENTS, DeploymentError
from stressvision_agent.settings import SpoolSettings, load_settings
from stressvision_agent.spool import DATABASE, Spool
from support.device import TurnedClock, window

RECAP = "{host}                  : ok=3    changed=1    unreachable={away}    failed={failed}    skipped=0    rescued=0"


@pytest.fixture(scope="module")
def programs() -> Path:
    return operator_tools.ensure()


def play(
    programs: Path, book: list[dict[str, object]], folder: Path, *words: str
) -> "subprocess.CompletedProcess[str]":
    """A play on this very machine, without any host."""
    file = folder / "book.yml"
    file.write_text(yaml.safe_dump(book))
    command = [str(programs / "ansible-playbook"), "-i", "here,", "-c", "local", str(file), *words]
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def play_here(programs: Path, book: list[dict[str, object]], folder: Path, *words: str) -> str:
    """What Ansible says of a play that goes well."""
    done = play(programs, book, folder, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("book", ["deploy.yml", "remove.yml"])
def test_ansible_understands_the_playbook(programs: Path, book: str) -> None:
    command = [str(programs / "ansible-playbook"), "--syntax-check", "-i", "here,", str(ANSIBLE / book)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_agent_reads_the_settings_that_the_inventory_gives(programs: Path, tmp_path: Path) -> None:
    inventory = {
        "stressvision_settings": {
            "server": {"url": "https://server.example", "proxy": 'http://a:"b"\\c@proxy'},
            "camera": {"source": "picamera2", "repeat": False},
        },
        "stressvision_host_settings": {"camera": {"source": "v4l2:0", "frames_per_second": 5}},
        "stressvision_ca_file": "/some/ca.pem",
    }
    target = tmp_path / "agent.toml"
    write = {"name": "write", "template": {"src": str(ANSIBLE / "templates/agent.toml.j2"), "dest": str(target)}}
    book = {"hosts": "all", "gather_facts": False, "vars_files": [str(ANSIBLE / "vars.yml")], "tasks": [write]}
    play_here(programs, [book], tmp_path, "-e", json.dumps(inventory))
    settings = load_settings(target)
    assert settings.server.url == "https://server.example"
    assert settings.server.proxy == 'http://a:"b"\\c@proxy'
    assert str(settings.server.ca_file) == "/etc/stressvision/server-ca.pem"
    assert settings.camera.source == "v4l2:0"
    assert settings.camera.frames_per_second == 5
    assert settings.device.key_file == Path("/etc/stressvision/device.key")
    assert set(tomllib.loads(target.read_text())) == {"server", "camera", "device"}


def test_only_a_pi_camera_shows_the_agent_the_systems_packages(programs: Path, tmp_path: Path) -> None:
    say = {"name": "say", "copy": {"content": "{{ release_name }}", "dest": str(tmp_path / "said")}}
    book = {"hosts": "all", "gather_facts": False, "vars_files": [str(ANSIBLE / "vars.yml")], "tasks": [say]}
    facts = {"release": "abc", "ansible_python": {"version": {"major": 3, "minor": 11}}}
    for source, name in (("picamera2", "abc-cp311-system"), ("v4l2:0", "abc-cp311")):
        given = {**facts, "stressvision_settings": {"camera": {"source": source}}}
        play_here(programs, [book], tmp_path, "-e", json.dumps(given))
        assert (tmp_path / "said").read_text() == name


def test_the_code_never_stands_on_a_command_line_or_in_a_log() -> None:
    tasks = yaml.safe_load((ANSIBLE / "tasks" / "enrolment.yml").read_text())[0]["block"]
    users = [task for task in tasks if "stressvision_code" in json.dumps(task)]
    assert [task["name"] for task in users if "ansible.builtin.command" in task] == ["join with the code"]
    joining = users[0]
    assert joining["no_log"] is True
    assert "stressvision_code" not in json.dumps(joining["ansible.builtin.command"]["argv"])


def test_the_example_inventory_is_one_the_agent_starts_with(programs: Path, tmp_path: Path) -> None:
    example = yaml.safe_load((ANSIBLE / "hosts.example.yml").read_text())["all"]
    given = {**example["vars"], **example["hosts"]["press-2"]}
    given = {name: value for name, value in given.items() if name.startswith("stressvision_")}
    target = tmp_path / "agent.toml"
    write = {"name": "write", "template": {"src": str(ANSIBLE / "templates/agent.toml.j2"), "dest": str(target)}}
    book = {"hosts": "all", "gather_facts": False, "vars_files": [str(ANSIBLE / "vars.yml")], "tasks": [write]}
    play_here(programs, [book], tmp_path, "-e", json.dumps(given))
    assert load_settings(target).camera.source == "v4l2:0"


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_bundle_pins_what_holds_for_the_devices_python(platform: str) -> None:
    pins = list(bundle.pins((REQUIREMENTS / "agent.txt").read_text(), platform))
    names = [pin.split("==")[0] for pin in pins]
    assert len(names) == len(set(names))
    assert all("--hash=sha256:" in pin for pin in pins)
    assert not any("colorama" in name for name in names)
    (numpy,) = [pin for pin in pins if pin.startswith("numpy==")]
    assert numpy.startswith("numpy==1." if platform.startswith("cp311") else "numpy==2.")


def test_a_bundle_is_deployed_by_a_python_that_has_nothing_installed() -> None:
    command = [sys.executable, "-S", "-m", "deployment", "deploy", "--help"]
    environment = {"PYTHONPATH": str(ANSIBLE.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("waiting", "said"), [(0, ""), (2, "has 2 unsent events"), (None, "has an unknown number of unsent events")]
)
def test_unsent_events_are_not_thrown_away_though_the_agent_is_gone(
    programs: Path, tmp_path: Path, waiting: int | None, said: str
) -> None:
    clock, state = TurnedClock(), tmp_path / "state"
    with closing(Spool(state / "spool", SpoolSettings(min_free_bytes=0), clock)) as spool:
        for _ in range(waiting or 0):
            spool.append(window(clock.uptime_s))
    if waiting is None:
        (state / "spool" / DATABASE).write_bytes(b"torn")
    tasks = yaml.safe_load((ANSIBLE / "remove.yml").read_text())[0]["tasks"]
    book = {
        "hosts": "all",
        "gather_facts": False,
        "vars": {"state": str(state), "purge": True},
        "tasks": [task for task in tasks if "unsent" in task["name"]],
    }
    done = play(programs, [book], tmp_path)
    assert (done.returncode == 0) == (not said), done.stdout
    assert said in done.stdout


def test_a_release_has_another_name_when_a_file_of_it_differs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "PAYLOAD", tmp_path)
    file = tmp_path / "release" / "model" / "manifest.json"
    file.parent.mkdir(parents=True)
    file.write_text("one")
    first = payload.digest()
    assert payload.digest() == first
    file.write_text("two")
    second = payload.digest()
    shutil.move(file, file.with_name("other.json"))
    assert len({first, second, payload.digest()}) == 3


@pytest.mark.parametrize(("name", "said"), [("", "make deploy INVENTORY=hosts.yml"), ("/nowhere.yml", "no inventory")])
def test_a_missing_inventory_is_named_with_what_to_do(name: str, said: str) -> None:
    with pytest.raises(DeploymentError, match=said) as caught:
        playbook.check_inventory(name)
    assert "hosts.example.yml" in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "code", "said"),
    [
        (
            [RECAP.format(host="pi1", away=1, failed=0), RECAP.format(host="pi2", away=0, failed=1)],
            4,
            "not reached: pi1",
        ),
        ([RECAP.format(host="pi1", away=0, failed=0), RECAP.format(host="pi2", away=0, failed=1)], 2, "failed: pi2"),
        ([], 4, "ended with 4"),
        ([], 0, "names no host"),
    ],
)
def test_what_went_wrong_is_said_in_the_end(lines: list[str], code: int, said: str) -> None:
    with pytest.raises(DeploymentError, match=said):
        playbook.judge(lines, code, Path("hosts.yml"))


def test_hosts_that_got_through_raise_nothing() -> None:
    playbook.judge([RECAP.format(host="pi1", away=0, failed=0)], 0, Path("hosts.yml"))


def test_a_removal_builds_nothing_and_needs_no_internet(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all: {hosts: {}}\n")
    monkeypatch.setattr(payload, "PAYLOAD", tmp_path / "payload")
    monkeypatch.setattr(sys, "argv", ["deployment", "deploy", str(inventory), "--remove"])
    assert __main__.main() == 1
    assert "names no host" in capsys.readouterr().err
    assert not (tmp_path / "payload").exists()


def test_what_is_said_to_the_person_at_the_station_is_in_no_journal() -> None:
    unit = dict(line.split("=", 1) for line in payload.UNIT.read_text().splitlines() if "=" in line and line[0] != "#")
    assert (unit["StandardOutput"], unit["StandardError"]) == ("null", "journal")
