"""Rollouts over HTTP and from the command line."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner, Result

from stressvision_control.cli.app import app
from support.control import Control
from support.rollouts import NEW, OLD, Fleet

pytestmark = pytest.mark.db

PLAN = {"canary_share": 0.5, "stages": [1.0], "soak_s": 0, "limits": {"observed_s": 0}}


@pytest.fixture
def fleet(control: Control) -> Fleet:
    return Fleet.of(control.database, 4)


@pytest.fixture
def second(control: Control) -> httpx.Client:
    """Another person."""
    return control.as_role("operator")


def make(control: Control, fleet: Fleet, **plan: object) -> str:
    fleet.rollout = control.make("/v1/rollouts", version=NEW, plan={**PLAN, **plan})["id"]
    return f"/v1/rollouts/{fleet.rollout}"


def test_a_rollout_goes_from_plan_to_fleet(control: Control, fleet: Fleet, second: httpx.Client) -> None:
    path = make(control, fleet)
    assert control.admin.post(f"{path}/approve").status_code == 409, "its maker"
    assert second.post(f"{path}/start").status_code == 409, "nobody has approved it"
    assert second.post(f"{path}/approve").json()["state"] == "approved"
    begun = control.admin.post(f"{path}/start").json()
    assert (begun["state"], begun["previous_version"], begun["reached"]) == ("canary", OLD, 2)
    assert begun["devices"] == {"offered": 2, "waiting": 2}
    fleet.confirm(fleet.at_stage(0))
    fleet.step()
    listed = control.admin.get(f"{path}/devices", params={"limit": 3}).json()
    assert len(listed["items"]) == 3
    rest = control.admin.get(f"{path}/devices", params={"after": listed["next"]}).json()["items"]
    rows = listed["items"] + rest
    assert [row["device_id"] for row in rows] == fleet.devices
    assert {row["state"] for row in rows} == {"confirmed", "offered"}
    assert {row["model_version"] for row in rows if row["state"] == "confirmed"} == {NEW}
    only = control.admin.get(f"{path}/devices", params={"state": "confirmed"}).json()["items"]
    assert len(only) == 2
    fleet.confirm(fleet.at_stage(1))
    fleet.step()
    (shown,) = control.as_role("ml").get("/v1/rollouts").json()["items"]
    assert (shown["state"], shown["devices"], shown["deadline_at"]) == ("complete", {"confirmed": 4}, None)
    assert fleet.desired() == NEW
    assert second.post(f"{path}/roll-back", json={"reason": "a complaint"}).json()["reason"] == "a complaint"
    with control.database.engine("owner").connect() as connection:
        audited = connection.exec_driver_sql("SELECT action FROM audit WHERE action ~ 'rollout' ORDER BY id").scalars()
        assert list(audited) == [
            f"rollout.{verb}" for verb in ("create", "approve", "start", "expanding", "complete", "roll_back")
        ]


def test_it_is_held_resumed_and_stopped(control: Control, fleet: Fleet, second: httpx.Client) -> None:
    path = make(control, fleet)
    second.post(f"{path}/approve")
    second.post(f"{path}/start")
    paused = second.post(f"{path}/pause", json={"reason": "shift change"}).json()
    assert (paused["state"], paused["cause"], paused["reason"]) == ("paused", "operator", "shift change")
    assert second.post(f"{path}/pause", json={}).status_code == 409
    resumed = second.post(f"{path}/resume", json={"without_comparison": True}).json()
    assert (resumed["state"], resumed["waived_stage"], resumed["reason"]) == ("canary", 0, None)
    assert second.post(f"{path}/halt", json={}).json()["state"] == "halted"
    assert second.post(f"{path}/resume", json={}).status_code == 409


@pytest.mark.parametrize(
    "plan",
    [
        {"canary_share": 0},
        {"canary_share": None},
        {"canary_devices": [1]},
        {"stages": [0.5]},
        {"stages": [1.0, 0.5]},
        {"stages": []},
        {"soak_s": -1},
        {"limits": {"failed": 2}},
        {"deadlines": {"offered_s": 0}},
        {"colour": "red"},
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(control: Control, fleet: Fleet, plan: dict) -> None:
    answer = control.admin.post("/v1/rollouts", json={"version": NEW, "plan": {**PLAN, **plan}})
    assert answer.status_code == 422, answer.text


def test_who_may_do_what(control: Control, fleet: Fleet) -> None:
    path = make(control, fleet)
    assert control.as_role("hr").get("/v1/rollouts").status_code == 403
    assert control.as_role("ml").post(f"{path}/approve").is_success
    assert control.as_role("ml").post(f"{path}/start").status_code == 403
    assert control.admin.get("/v1/rollouts/999").status_code == 404
    assert control.admin.get("/v1/rollouts/999/devices").status_code == 404
    assert control.admin.post("/v1/rollouts", json={"version": "no-such"}).status_code == 404


def test_a_model_cannot_be_desired_past_a_live_rollout(control: Control, fleet: Fleet, second: httpx.Client) -> None:
    path = make(control, fleet)
    second.post(f"{path}/approve")
    second.post(f"{path}/start")
    for verb in ("desire", "retire"):
        refused = control.admin.post(f"/v1/models/{NEW}/{verb}")
        assert (refused.status_code, "rollout" in refused.json()["detail"]) == (409, True)
    assert control.admin.post(f"/v1/models/{OLD}/desire").is_success, "it is the one already"


@pytest.fixture
def stressvision(control: Control, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)

    def run(*words: str, role: str = "admin", code: int = 0) -> Result:
        monkeypatch.setenv("STRESSVISION_TOKEN", control.token(role))
        result = CliRunner().invoke(app, ["rollouts", *words])
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    return run


def test_a_rollout_from_the_command_line(stressvision: Callable[..., Result], fleet: Fleet) -> None:
    assert "nothing" in stressvision("list").stdout
    words = ("--canary", "25%", "--stages", "50%,100%", "--soak", "0", "--observed", "0")
    made = json.loads(stressvision("create", NEW, *words, "--json").stdout)
    fleet.rollout = made["id"]
    assert made["plan"]["stages"] == [0.5, 1.0]
    number = str(made["id"])
    stressvision("approve", number, role="operator")
    assert "canary" in stressvision("start", number).stdout
    fleet.beat(fleet.at_stage(0)[0], runs=NEW, state="installed")
    page = stressvision("show", number).stdout
    assert "installed" in page
    assert "1 reached; 1 installed, 3 waiting" in page
    assert len(json.loads(stressvision("show", number, "--json").stdout)["targets"]) == 4
    assert "paused" in stressvision("pause", number, "--reason", "lunch").stdout
    assert "lunch" in stressvision("list").stdout
    assert "canary" in stressvision("resume", number).stdout
    assert "halted" in stressvision("halt", number).stdout
    fleet.beat(fleet.at_stage(0)[0], runs=OLD)
    fleet.step()
    fleet.step()
    assert "rolled back" in stressvision("show", number, "--watch").stdout


def test_the_devices_of_a_site_come_first(stressvision: Callable[..., Result], control: Control, fleet: Fleet) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")["id"]
    area = control.make("/v1/areas", site_id=site, name="press")["id"]
    for number in (1, 2):
        station = control.make("/v1/stations", area_id=area, name=f"P{number}")["id"]
        placed = control.admin.put(f"/v1/devices/{fleet.devices[number]}/placement", json={"station_id": station})
        assert placed.is_success, placed.text
    made = json.loads(stressvision("create", NEW, "--canary-site", "Callao", "--json").stdout)
    assert made["plan"]["canary_devices"] == sorted(fleet.devices[1:3])
    control.make("/v1/sites", name="Lima", time_zone="America/Lima")
    assert "no device stands at Lima" in stressvision("create", NEW, "--canary-site", "Lima", code=1).stderr


def test_a_wrong_plan_is_told_before_anything_is_sent(stressvision: Callable[..., Result]) -> None:
    stressvision("create", NEW, "--canary", "10%", "--device", "1", code=2)
    stressvision("create", NEW, "--canary-site", "Callao", "--device", "1", code=2)
    stressvision("create", NEW, "--canary", "ten", code=2)
    stressvision("create", NEW, "--soak", "soon", code=2)
    stressvision("create", NEW, "--canary", "0.1", "--stages", "50%", code=1)


def test_the_status_names_a_live_rollout_and_counts_copied_keys(
    control: Control, fleet: Fleet, second: httpx.Client
) -> None:
    before = control.admin.get("/v1/status").json()
    assert (before["live_rollout"], before["cloned"]) == (None, 0)
    path = make(control, fleet)
    second.post(f"{path}/approve")
    second.post(f"{path}/start")
    with control.database.engine("owner").begin() as connection:
        connection.exec_driver_sql("UPDATE devices SET cloned_at = now() WHERE id = %s", (fleet.devices[0],))
    after = control.admin.get("/v1/status").json()
    assert (after["live_rollout"], after["cloned"], after["desired_model"]) == (f"{NEW}: canary", 1, OLD)
