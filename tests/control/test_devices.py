"""Devices as operators see and steer them, over HTTP."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select

from stressvision_contracts.fleet import Heartbeat
from stressvision_store import devices
from stressvision_store.session import transaction
from stressvision_store.tables import Device, DeviceState
from support.control import Control

pytestmark = pytest.mark.db


def beat(control: Control, device: int, *, boot: str = "boot-1", **said) -> None:
    now = datetime.now(UTC)
    heartbeat = Heartbeat(sent_at=now, boot_id=boot, agent_version="0.2.0", next_seq=1, **said)
    with transaction(control.database.engine("ingest")) as session:
        devices.record_heartbeat(session, device, heartbeat, now)


def change(control: Control, device: int, **columns) -> None:
    with transaction(control.database.engine("owner")) as session:
        row = session.get_one(Device, device)
        for name, value in columns.items():
            setattr(row, name, value)


def make_fleet(control: Control) -> dict[str, int]:
    """One device of every state."""
    fleet = {name: control.add_device() for name in ("online", "stale", "paused", "never_seen", "cloned", "revoked")}
    for name in ("online", "stale", "paused", "cloned", "revoked"):
        beat(control, fleet[name], model_version="m-1", throttled=name == "online", coverage=0.5)
    beat(control, fleet["cloned"], boot="boot-2")
    beat(control, fleet["cloned"], boot="boot-1")
    change(control, fleet["paused"], paused=True)
    change(control, fleet["revoked"], revoked_at=datetime.now(UTC))
    with transaction(control.database.engine("owner")) as session:
        state = session.exec(select(DeviceState).where(col(DeviceState.device_id) == fleet["stale"])).one()
        state.heartbeat_at -= timedelta(minutes=6)
    return fleet


def test_each_state_is_told_counted_and_filtered_and_the_dashboards_view_agrees(control: Control) -> None:
    fleet = make_fleet(control)
    listed = {row["id"]: row["state"] for row in control.admin.get("/v1/devices").json()["items"]}
    assert listed == {device: name for name, device in fleet.items()}
    for name, device in fleet.items():
        found = control.admin.get("/v1/devices", params={"state": name}).json()["items"]
        assert [row["id"] for row in found] == [device]
    assert control.admin.get("/v1/devices", params={"state": "tired"}).status_code == 422
    with control.database.engine("grafana_ops").connect() as connection:
        seen = connection.exec_driver_sql("SELECT device_id, state FROM ops.devices").all()
    assert {row.device_id: row.state for row in seen} == listed

    summary = control.as_role("ml").get("/v1/devices/summary").json()
    assert (summary["devices"], summary["throttled"], summary["cloned"]) == (5, 1, 1)
    assert summary["states"] == dict.fromkeys(fleet, 1)
    assert summary["agent_versions"] == {"0.2.0": 4, "0.1.0": 1}
    assert summary["model_versions"] == {"m-1": 3, "unknown": 2}


def test_a_device_shows_how_it_is(control: Control) -> None:
    device = control.add_device()
    beat(control, device, temperature_c=71.5, throttled=True, coverage=0.25, clock_synchronised=False, model_digest="d")
    shown = control.admin.get(f"/v1/devices/{device}").json()
    assert (shown["temperature_c"], shown["throttled"], shown["coverage"]) == (71.5, True, 0.25)
    assert (shown["clock_synchronised"], shown["model_digest"], shown["cloned_at"]) == (False, "d", None)


def test_a_device_gets_a_name_that_no_other_has(control: Control) -> None:
    first, second = control.add_device(), control.add_device()
    named = control.admin.patch(f"/v1/devices/{first}", json={"name": " Press 1 "})
    assert (named.json()["name"], named.json()["hostname"]) == ("Press 1", "pi")
    assert control.admin.patch(f"/v1/devices/{first}", json={"name": "Press 1"}).is_success
    taken = control.admin.patch(f"/v1/devices/{second}", json={"name": "Press 1"})
    assert (taken.status_code, "choose another" in taken.json()["detail"]) == (409, True)
    control.admin.post(f"/v1/devices/{first}/revoke")
    assert control.admin.patch(f"/v1/devices/{second}", json={"name": "Press 1"}).is_success, "it is free again"
    assert control.admin.patch(f"/v1/devices/{first}", json={"name": "x"}).status_code == 409
    assert control.admin.patch(f"/v1/devices/{second}", json={"name": None}).json()["name"] is None
    for bad in ({}, {"name": ""}, {"name": "a\x00b"}, {"name": "x", "hostname": "y"}):
        assert control.admin.patch(f"/v1/devices/{second}", json=bad).status_code == 422
    with control.database.engine("owner").connect() as connection:
        audited = connection.exec_driver_sql("SELECT count(*) FROM audit WHERE action = 'device.rename'").scalar()
    assert audited == 4


def test_an_alarm_is_shown_and_cleared(control: Control) -> None:
    device = control.add_device()
    for boot in ("boot-1", "boot-2", "boot-1"):
        beat(control, device, boot=boot)
    assert control.admin.get(f"/v1/devices/{device}").json()["cloned_at"] is not None
    cleared = control.as_role("operator").post(f"/v1/devices/{device}/clear-alarm").json()
    assert (cleared["cloned_at"], cleared["state"]) == (None, "online")


def test_operators_ask_for_new_keys(control: Control) -> None:
    first, second, revoked = (control.add_device() for _ in range(3))
    change(control, revoked, revoked_at=datetime.now(UTC))
    assert control.as_role("operator").post(f"/v1/devices/{first}/rotate-key").json()["key_rotation_asked_at"]
    assert control.admin.get(f"/v1/devices/{second}").json()["key_rotation_asked_at"] is None
    assert control.admin.post("/v1/devices/key-rotations").json() == {"devices": 2}
    assert control.admin.get(f"/v1/devices/{second}").json()["key_rotation_asked_at"] is not None
    assert control.admin.post(f"/v1/devices/{revoked}/rotate-key").status_code == 409
    assert control.admin.post("/v1/devices/999/rotate-key").status_code == 404
    assert control.as_role("ml").post("/v1/devices/key-rotations").status_code == 403
