"""A model on its way from its maker to two devices, through every real process, and a bad one sent back."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from demo.clip import make_clip
from native.layout import SIGNING_KEYS, Layout
from native.supervision import Supervisor
from support.agents import Agent
from support.models import SHIPPED, Kind, make_model
from support.outside import eventually, post

pytestmark = pytest.mark.e2e

STRESSVISION = str(Path(sys.executable).with_name("stressvision"))
ORDER = ("waiting", "offered", "downloaded", "verified", "installed", "confirmed")
OFFERED_WITHIN_S = 60
LIMITS = {"observed_s": 0, "latency_s": 10, "lost": 1.0, "failed": 0.4}
"""Nothing is compared in a test's minute, and devices of other tests stay silent."""


@dataclass
class Fleet:
    """The platform, two people who may order it, and two agents."""

    settings: dict[str, str]
    folder: Path
    admin: httpx.Client
    tokens: dict[str, str] = field(default_factory=dict)
    agents: list[Agent] = field(default_factory=list)

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.settings['STRESSVISION_CONTROL_PORT']}"

    def command(self, person: str, *words: str) -> Any:
        """`stressvision` as that person runs it."""
        told = {"STRESSVISION_CONTROL_URL": self.control_url, "STRESSVISION_TOKEN": self.tokens[person]}
        command = [STRESSVISION, *words, "--json"]
        environment = {**os.environ, **told}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60, cwd=self.folder
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ask(self, person: str, method: str, path: str, **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.tokens[person]}"}
        answer = self.admin.request(method, path, json=body or None, headers=headers)
        assert answer.is_success, f"{path}: {answer.text}"
        return dict(answer.json())

    def bring_in(self, version: str, kind: Kind, number: int = 0) -> str:
        """Register a model as Ana and approve it as Berta; return its digest."""
        content = make_model(kind, number)
        manifest = json.loads((SHIPPED / "manifest.json").read_text())
        digest = hashlib.sha256(content).hexdigest()
        manifest |= {"version": version, "digest": digest, "size_bytes": len(content)}
        folder = self.folder / version
        folder.mkdir()
        (folder / manifest["file"]).write_bytes(content)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        self.command("Ana", "models", "register", str(folder))
        assert self.command("Berta", "models", "approve", version)["published_at"] is not None
        return digest

    def roll_out(self, version: str, canary: int) -> int:
        plan = {
            "canary_devices": [canary], "stages": [1.0], "soak_s": 1, "limits": LIMITS, "deadlines": {"offered_s": 45},
        }  # fmt: skip
        number = int(self.ask("Ana", "POST", "/v1/rollouts", version=version, plan=plan)["id"])
        self.ask("Berta", "POST", f"/v1/rollouts/{number}/approve")
        self.ask("Berta", "POST", f"/v1/rollouts/{number}/start")
        return number

    def rollout(self, number: int) -> dict[str, Any]:
        return self.ask("Berta", "GET", f"/v1/rollouts/{number}")

    def devices(self, number: int) -> dict[int, dict[str, Any]]:
        listed = self.ask("Berta", "GET", f"/v1/rollouts/{number}/devices")["items"]
        return {each["device_id"]: each for each in listed}

    def running(self) -> list[str | None]:
        """The model that each agent last said it runs."""
        shown = [self.admin.get(f"/v1/devices/{agent.device_id}").json() for agent in self.agents]
        return [each["model_version"] for each in shown]

    def events_of(self, version: str) -> set[int]:
        """The devices that sent a window made with that model."""
        question = "SELECT DISTINCT device_id FROM events WHERE model_version = %s AND kind = 1"
        with psycopg.connect(self.settings["STRESSVISION_OWNER_DATABASE_URL"]) as connection:
            return {device for (device,) in connection.execute(question, [version])}

    @property
    def told(self) -> str:
        return "\n".join(agent.log[-3000:] for agent in self.agents)


@pytest.fixture(scope="module")
def stack(request: pytest.FixtureRequest) -> Layout:
    """One of the tests' own: a rollout moves every device there is."""
    if os.environ.get("STRESSVISION_E2E"):
        pytest.skip("rollouts are tried on a stack of their own, without STRESSVISION_E2E")
    layout: Layout = request.getfixturevalue("native_stack")
    return layout


@pytest.fixture(scope="module")
def fleet(stack: Layout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    settings, folder = stack.settings, tmp_path_factory.mktemp("fleet")
    admin = httpx.Client(
        base_url=f"http://127.0.0.1:{settings['STRESSVISION_CONTROL_PORT']}",
        headers={"Authorization": f"Bearer {settings['STRESSVISION_ADMIN_TOKEN']}"},
        timeout=30,
    )
    made = Fleet(settings, folder, admin)
    for person, role in (("Ana", "ml"), ("Berta", "operator")):
        made.tokens[person] = post(admin, "/v1/tokens", name=person, roles=[role])["token"]
    clip = folder / "clip.avi"
    make_clip(clip, seconds=20, fps=5)
    site = post(admin, "/v1/sites", name=f"fleet {uuid4().hex[:8]}", time_zone="America/Lima")["id"]
    area = post(admin, "/v1/areas", site_id=site, name="assembly")["id"]
    try:
        for number in range(2):
            agent = Agent(folder / f"agent-{number}")
            agent.prepare(f"http://127.0.0.1:{settings['STRESSVISION_INGEST_PORT']}", clip, SHIPPED)
            station = post(admin, "/v1/stations", area_id=area, name=f"press {number}")["id"]
            agent.enrol(post(admin, "/v1/enrolment-codes", station_id=station)["code"])
            made.agents.append(agent)
            agent.start()
        yield made
    finally:
        for agent in made.agents:
            agent.stop()
        admin.close()


@pytest.fixture(scope="module")
def factory(fleet: Fleet) -> str:
    """The version that the platform came with, once both agents run it."""
    version = str(json.loads((SHIPPED / "manifest.json").read_text())["version"])
    eventually(lambda: fleet.running() == [version, version], "both agents run the factory model", 60)
    shown = fleet.admin.get(f"/v1/models/{version}").json()
    assert (shown["state"], shown["desired"], shown["approved_by"]) == ("approved", True, "factory")
    return version


def test_a_new_model_reaches_both_devices_in_stages(fleet: Fleet, factory: str) -> None:
    version = f"good-{uuid4().hex[:6]}"
    digest = fleet.bring_in(version, "good")
    canary, other = (agent.device_id for agent in fleet.agents)
    number = fleet.roll_out(version, canary)
    eventually(lambda: fleet.devices(number)[canary]["state"] == "confirmed", f"the canary\n{fleet.told}", 60)
    eventually(lambda: fleet.rollout(number)["state"] == "complete", "the rollout is complete", 120)
    states = fleet.devices(number)
    assert {states[device]["state"] for device in (canary, other)} == {"confirmed"}
    assert {states[device]["model_digest"] for device in (canary, other)} == {digest}
    eventually(lambda: fleet.events_of(version) >= {canary, other}, "events carry the new version", 60)
    assert fleet.admin.get(f"/v1/models/{version}").json()["desired"] is True


def test_a_model_that_says_always_the_same_goes_no_further_than_the_canary(fleet: Fleet, factory: str) -> None:
    before = fleet.running()
    version = f"bad-{uuid4().hex[:6]}"
    fleet.bring_in(version, "constant")
    canary, other = (agent.device_id for agent in fleet.agents)
    number = fleet.roll_out(version, canary)
    eventually(lambda: fleet.rollout(number)["state"] in ("rolling_back", "rolled_back"), f"it halts\n{fleet.told}", 60)
    eventually(lambda: fleet.running() == before, "the canary runs the model before", 60)
    states = fleet.devices(number)
    assert states[canary]["state"] in ("rejected", "reverted")
    assert states[canary]["reason"]
    assert states[other]["state"] == "waiting"
    assert fleet.events_of(version) <= {canary}


def test_a_device_without_a_network_takes_a_model_from_a_folder(fleet: Fleet, factory: str) -> None:
    version = f"stick-{uuid4().hex[:6]}"
    digest = fleet.bring_in(version, "good", number=7)
    stick = fleet.folder / "stick"
    exported = fleet.command("Berta", "models", "export", str(stick), "--version", version, "--days", "2")
    assert f"targets/{digest}.{version}.tflite" in exported["files"]
    agent = fleet.agents[1]
    agent.stop()
    taken = agent.update_from(stick)
    assert taken["taken"] == version
    agent.start()
    eventually(lambda: fleet.running()[1] == version, f"the model from the stick is in use\n{fleet.told}", 60)
    eventually(lambda: fleet.events_of(version) == {agent.device_id}, "its events carry the version", 60)


def test_an_agent_killed_on_the_way_comes_through(fleet: Fleet, factory: str) -> None:
    version = f"kill-{uuid4().hex[:6]}"
    fleet.bring_in(version, "good", number=11)
    canary = fleet.agents[0]
    number = fleet.roll_out(version, canary.device_id)
    for state in ("downloaded", "installed"):
        eventually(
            lambda state=state: ORDER.index(fleet.devices(number)[canary.device_id]["state"]) >= ORDER.index(state),
            f"{state}\n{fleet.told}",
            60,
        )
        canary.kill()
        canary.start()
    eventually(lambda: fleet.devices(number)[canary.device_id]["state"] == "confirmed", f"confirmed\n{fleet.told}", 90)
    eventually(lambda: fleet.rollout(number)["state"] == "complete", f"complete\n{fleet.told}", 120)


def test_every_process_killed_on_the_way_only_delays_it(fleet: Fleet, factory: str, stack: Layout) -> None:
    version = f"crash-{uuid4().hex[:6]}"
    fleet.bring_in(version, "good", number=13)
    canary, other = (agent.device_id for agent in fleet.agents)
    number = fleet.roll_out(version, canary)
    supervisor = Supervisor(stack)
    for name in ("worker", "beat", "ingest", "postgres", "redis", "control"):
        os.kill(supervisor.pid(name), signal.SIGKILL)

    def is_complete() -> bool:
        try:
            return bool(fleet.rollout(number)["state"] == "complete")
        except (httpx.TransportError, AssertionError):
            return False  # a service is on its way back

    eventually(is_complete, f"complete\n{fleet.told}", 180)
    states = fleet.devices(number)
    assert [states[device]["state"] for device in (canary, other)] == ["confirmed", "confirmed"]


def test_devices_follow_to_new_signing_keys(fleet: Fleet, factory: str, stack: Layout) -> None:
    keys = Path(fleet.settings[SIGNING_KEYS])
    environment = {**os.environ, **fleet.settings}
    for name in ("online", "targets", "root"):
        new = ["--new", str(keys / f"{name}-2.pem")]
        command = [str(stack.bin / "stressvision-store"), "models", "rotate", name, *new]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    version = f"keys-{uuid4().hex[:6]}"
    fleet.bring_in(version, "good", number=17)
    assert fleet.command("Berta", "models", "repository")["signs"] == ["targets", "snapshot", "timestamp"]
    began = time.monotonic()
    fleet.command("Berta", "models", "desire", version)
    eventually(lambda: fleet.running() == [version, version], f"both agents follow\n{fleet.told}", 90)
    assert time.monotonic() - began < OFFERED_WITHIN_S
