"""Alerts about the machinery reach somebody: settings, routes, and a real Prometheus, Alertmanager and receiver."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import pytest
import yaml

from native.binaries import ALERTMANAGER, find_optional
from native.layout import ROOT
from support.inboxes import mail_inbox, web_inbox
from support.servers import free_port, wait_until

FOLDER = ROOT / "infra" / "alertmanager"
SETTINGS, START = FOLDER / "alertmanager.yml", FOLDER / "start.sh"
PREFIX = "STRESSVISION_ALERTMANAGER_"
PROGRAM = find_optional(*ALERTMANAGER)
MAIL = {"MAIL_TO": "shift@example.com", "MAIL_FROM": "plant@example.com", "MAIL_SERVER": "mail.example.com:587"}
RULES = yaml.safe_load((ROOT / "infra" / "prometheus" / "alerts.yml").read_text())
ALERTS = {rule["alert"]: rule for group in RULES["groups"] for rule in group["rules"]}

needs_amtool = pytest.mark.skipif(shutil.which("amtool") is None, reason="no amtool on this machine")


def start(
    program: str, folder: Path, settings: Path = SETTINGS, receivers: Mapping[str, str] = MappingProxyType({})
) -> subprocess.CompletedProcess[str]:
    """What start.sh does, with another program in Alertmanager's place."""
    command = ["sh", str(START), program, str(settings), str(folder)]
    environment = os.environ | {f"{PREFIX}{name}": value for name, value in receivers.items()}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def made(folder: Path, **receivers: str) -> dict[str, Any]:
    done = start("true", folder, receivers=receivers)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = yaml.safe_load((folder / "alertmanager.yml").read_text())
    return found


def test_without_a_receiver_the_file_is_run_as_it_is(tmp_path: Path) -> None:
    done = start("echo", tmp_path)

    assert done.stdout.split() == [f"--config.file={SETTINGS}", f"--storage.path={tmp_path}"]
    assert list(tmp_path.iterdir()) == []


def test_the_environment_names_who_is_told(tmp_path: Path) -> None:
    password = "it's a 'pass' $word: #1"
    settings = made(
        tmp_path, WEBHOOK_URL="https://hook.example.com/x?a=1", **MAIL, MAIL_USER="plant", MAIL_PASSWORD=password
    )

    (receiver,) = settings["receivers"]
    (hook,), (mail,) = receiver["webhook_configs"], receiver["email_configs"]
    assert (receiver["name"], hook["url"]) == ("operators", "https://hook.example.com/x?a=1")
    assert (mail["to"], mail["smarthost"], mail["auth_password"], mail["require_tls"]) == (
        "shift@example.com", "mail.example.com:587", password, True,
    )  # fmt: skip
    assert (tmp_path / "alertmanager.yml").stat().st_mode & 0o077 == 0, "it holds a password"
    assert {key: value for key, value in settings.items() if key != "receivers"} == {
        key: value for key, value in yaml.safe_load(SETTINGS.read_text()).items() if key != "receivers"
    }


def test_half_a_receiver_is_refused_and_says_what_is_missing(tmp_path: Path) -> None:
    refused = start("true", tmp_path, receivers={"MAIL_TO": "shift@example.com"})

    assert refused.returncode == 1
    assert "_MAIL_FROM and _MAIL_SERVER" in refused.stderr


def test_a_file_of_ones_own_keeps_its_own_receivers(tmp_path: Path) -> None:
    own = tmp_path / "own.yml"
    own.write_text("route:\n  receiver: me\nreceivers:\n  - name: me\n")

    assert f"--config.file={own}" in start("echo", tmp_path, own).stdout
    refused = start("true", tmp_path, own, {"WEBHOOK_URL": "http://127.0.0.1:1/"})
    assert refused.returncode == 1
    assert "receivers of its own" in refused.stderr


@needs_amtool
@pytest.mark.parametrize("receivers", [{}, {"WEBHOOK_URL": "http://127.0.0.1:1/"}, MAIL, MAIL | {"MAIL_USER": "p"}])
def test_amtool_accepts_the_settings(receivers: dict[str, str], tmp_path: Path) -> None:
    path = SETTINGS
    if receivers:
        made(tmp_path, **receivers)
        path = tmp_path / "alertmanager.yml"
    done = subprocess.run(["amtool", "check-config", str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@needs_amtool
@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
def test_every_severity_reaches_the_operators(severity: str) -> None:
    command = ["amtool", "config", "routes", "test", f"--config.file={SETTINGS}", f"severity={severity}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.stdout.strip() == "operators"


def test_what_is_urgent_is_told_first() -> None:
    route = yaml.safe_load(SETTINGS.read_text())["route"]
    critical, info = route["routes"]

    assert (critical["group_wait"], route["group_wait"]) == ("5s", "30s")
    assert (critical["repeat_interval"], route["repeat_interval"], info["repeat_interval"]) == ("1h", "12h", "5d")


def test_what_explains_and_what_is_explained_exist() -> None:
    for rule in yaml.safe_load(SETTINGS.read_text())["inhibit_rules"]:
        source, *others = rule["source_matchers"]
        (targets,) = rule["target_matchers"]

        assert source.split('"')[1] in ALERTS
        assert ALERTS[source.split('"')[1]]["labels"]["severity"] == "critical"
        assert set(targets.split('"')[1].split("|")) <= set(ALERTS)
        assert all(other.startswith('job="') for other in others)


PROMETHEUS = """
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{manager}"]}}]}}]}}
scrape_configs:
  - {{job_name: worker, static_configs: [{{targets: ["127.0.0.1:{dead}"]}}]}}
"""
"""The alert and its labels are the real ones; only that it need not last for minutes is not."""


def short_rules() -> str:
    old = ALERTS["GaugesOld"] | {"expr": "(up == bool 0) * 400 > 0"}  # at the same time as the other
    rules = [rule | {"for": "0s"} for rule in (ALERTS["ServiceDown"], old)]
    return str(yaml.safe_dump({"groups": [{"name": "short", "rules": rules}]}))


@contextmanager
def process(command: list[str], port: int, **environment: str) -> Iterator[None]:
    running = subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: is_ready(port), command[0])
        yield
    finally:
        running.terminate()
        running.wait(20)


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/-/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.e2e
@pytest.mark.skipif(PROGRAM is None or shutil.which("prometheus") is None, reason="no prometheus and alertmanager here")
def test_a_service_that_is_down_is_told_by_web_and_mail_and_what_it_explains_is_not(tmp_path: Path) -> None:
    manager, prometheus, dead = free_port(), free_port(), free_port()
    (tmp_path / "rules.yml").write_text(short_rules())
    (tmp_path / "prometheus.yml").write_text(PROMETHEUS.format(manager=manager, dead=dead))
    (tmp_path / "manager").mkdir()
    listen = "--web.listen-address=127.0.0.1:{}"
    command = ["sh", str(START), str(PROGRAM), str(SETTINGS), str(tmp_path / "manager"), listen.format(manager)]
    watching = [
        "prometheus",
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
    ]
    with ExitStack() as stack:
        web, mail = stack.enter_context(web_inbox()), stack.enter_context(mail_inbox())
        receivers = {"WEBHOOK_URL": f"http://127.0.0.1:{web.port}/hook", **MAIL, "MAIL_TLS": "false"}
        receivers["MAIL_SERVER"] = f"127.0.0.1:{mail.port}"
        named = {f"{PREFIX}{name}": value for name, value in receivers.items()}
        stack.enter_context(process([*command, "--cluster.listen-address="], manager, **named))
        stack.enter_context(process([*watching, listen.format(prometheus)], prometheus))
        wait_until(lambda: bool(web.messages and mail.letters), "the messages", timeout_s=40)
        ringing = httpx.get(f"http://127.0.0.1:{manager}/api/v2/alerts").json()

    (message, *_) = web.messages
    assert (message["status"], message["groupLabels"]) == ("firing", {"alertname": "ServiceDown"})
    assert message["alerts"][0]["labels"]["severity"] == "critical"
    assert message["alerts"][0]["annotations"]["summary"] == "worker does not answer"
    assert "ServiceDown" in mail.letters[0]
    states = {alert["labels"]["alertname"]: alert["status"]["state"] for alert in ringing}
    assert states == {"ServiceDown": "active", "GaugesOld": "suppressed"}
