"""A model on its way from its maker to two devices, through every real process, and a bad one sent back."""

import os
import signal
import subprocess
import time
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from native.layout import SIGNING_KEYS, Layout
from native.supervision import Supervisor
from support.fleet import FACTORY, Fleet

pytestmark = pytest.mark.e2e

ORDER = ("waiting", "offered", "downloaded", "verified", "installed", "confirmed")
OFFERED_WITHIN_S = 60


@pytest.fixture(scope="module")
def factory(fleet: Fleet) -> str:
    """The version that the platform came with, once both agents run it."""
    fleet.eventually(lambda: fleet.running() == [FACTORY, FACTORY], "both agents run the factory's", 60)
    shown = fleet.admin.get(f"/v1/models/{FACTORY}").json()
    assert (shown["state"], shown["desired"], shown["approved_by"]) == ("approved", True, "factory")
    return FACTORY


def test_a_new_model_reaches_both_devices_in_stages(fleet: Fleet, factory: str) -> None:
    version = f"good-{uuid4().hex[:6]}"
    digest = fleet.bring_in(version, "good")
    canary, other = (agent.device_id for agent in fleet.agents)
    number = fleet.roll_out(version, canary)
    fleet.eventually(lambda: fleet.devices(number)[canary]["state"] == "confirmed", "the canary", 60)
    fleet.eventually(lambda: fleet.rollout(number)["state"] == "complete", "the rollout is complete", 120)
    states = fleet.devices(number)
    assert {states[device]["state"] for device in (canary, other)} == {"confirmed"}
    assert {states[device]["model_digest"] for device in (canary, other)} == {digest}
    fleet.eventually(lambda: fleet.events_of(version) >= {canary, other}, "events carry the new version", 60)
    assert fleet.admin.get(f"/v1/models/{version}").json()["desired"] is True


def test_a_model_that_says_always_the_same_goes_no_further_than_the_canary(fleet: Fleet, factory: str) -> None:
    before = fleet.running()
    version = f"bad-{uuid4().hex[:6]}"
    fleet.bring_in(version, "constant")
    canary, other = (agent.device_id for agent in fleet.agents)
    number = fleet.roll_out(version, canary)
    fleet.eventually(lambda: fleet.rollout(number)["state"] in ("rolling_back", "rolled_back"), "it halts", 60)
    fleet.eventually(lambda: fleet.running() == before, "the canary runs the model before", 60)
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
    fleet.eventually(lambda: fleet.running()[1] == version, "the model from the stick is in use", 60)
    fleet.eventually(lambda: fleet.events_of(version) == {agent.device_id}, "its events carry the version", 60)


def test_an_agent_killed_on_the_way_comes_through(fleet: Fleet, factory: str) -> None:
    version = f"kill-{uuid4().hex[:6]}"
    fleet.bring_in(version, "good", number=11)
    canary = fleet.agents[0]
    number = fleet.roll_out(version, canary.device_id)

    def is_seen(state: str) -> bool:
        return ORDER.index(fleet.devices(number)[canary.device_id]["state"]) >= ORDER.index(state)

    for state in ("downloaded", "installed"):
        if any(version in said and '"installed"' in said for said in canary.log.splitlines()):
            break  # it died while the model was proven, and at the second such end takes it back
        fleet.eventually(lambda state=state: is_seen(state), state, 60)
        canary.kill()
        canary.start()
    fleet.eventually(lambda: fleet.devices(number)[canary.device_id]["state"] == "confirmed", "confirmed", 90)
    fleet.eventually(lambda: fleet.rollout(number)["state"] == "complete", "complete", 120)


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

    fleet.eventually(is_complete, "complete", 180)
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
    fleet.eventually(lambda: fleet.running() == [version, version], "both agents follow", 90)
    assert time.monotonic() - began < OFFERED_WITHIN_S
