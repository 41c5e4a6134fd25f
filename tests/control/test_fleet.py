"""Devices, enrolment codes and dead letters over HTTP."""

import hashlib
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.types.json import Jsonb
from sqlalchemy import text

from stressvision_contracts.fleet import EnrolmentRequest
from stressvision_store.devices import enrol
from stressvision_store.session import transaction
from support.control import Control

pytestmark = pytest.mark.db


def station(control: Control, name: str = "P1") -> int:
    site = control.make("/v1/sites", name=f"Callao {name}", time_zone="America/Lima")["id"]
    area = control.make("/v1/areas", site_id=site, name="Paint")["id"]
    made: int = control.make("/v1/stations", area_id=area, name=name)["id"]
    return made


def test_a_device_joins_with_a_code_and_stands_where_the_code_says(control: Control) -> None:
    place = station(control)
    made = control.make("/v1/enrolment-codes", station_id=place, valid_hours=1)
    assert made["id"] == hashlib.sha256(made["code"].encode()).hexdigest()
    request = EnrolmentRequest(code=made["code"], public_key="", hostname="pi", hardware="Pi 5", agent_version="0.1.0")
    with transaction(control.database.engine("ingest")) as session:
        device = enrol(session, code_hash=bytes.fromhex(made["id"]), public_key=b"key", request=request)
    (listed,) = control.admin.get("/v1/enrolment-codes").json()["items"]
    assert (listed["device_id"], listed["used_at"] is not None, "code" in listed) == (device, True, False)
    assert control.admin.delete(f"/v1/enrolment-codes/{made['id']}").status_code == 409
    shown = control.admin.get(f"/v1/devices/{device}").json()
    assert shown["place"]["station_id"] == place
    assert (shown["standing"], shown["heartbeat_at"], shown["account"]) == ("active", None, None)
    long_ago = (datetime.now(UTC) - timedelta(days=28)).isoformat()
    moved = control.admin.put(f"/v1/devices/{device}/placement", json={"station_id": place, "at": long_ago})
    assert moved.json()["place"]["placed_at"][:10] == long_ago[:10]


def test_a_code_that_is_withdrawn_lets_nobody_in(control: Control) -> None:
    made = control.make("/v1/enrolment-codes")
    assert len(made["code"]) == 23
    gone = control.admin.delete(f"/v1/enrolment-codes/{made['id']}").json()
    assert datetime.fromisoformat(gone["expires_at"]) <= datetime.now(UTC)
    assert control.admin.delete("/v1/enrolment-codes/abc").status_code == 422
    assert control.admin.post("/v1/enrolment-codes", json={"valid_hours": 0}).status_code == 422
    assert control.admin.post("/v1/enrolment-codes", json={"station_id": 99}).status_code == 404


def test_codes_come_in_pages(control: Control) -> None:
    made = {control.make("/v1/enrolment-codes")["id"] for _ in range(3)}
    first = control.admin.get("/v1/enrolment-codes", params={"limit": 2}).json()
    rest = control.admin.get("/v1/enrolment-codes", params={"limit": 2, "after": first["next"]}).json()
    assert {each["id"] for each in first["items"] + rest["items"]} == made
    assert control.admin.get("/v1/enrolment-codes", params={"after": "xyz"}).status_code == 422


def test_a_device_shows_its_heartbeat_and_its_books(control: Control) -> None:
    device = control.add_device(station(control))
    with psycopg.connect(control.database.url("owner"), autocommit=True) as connection:
        connection.execute(
            "INSERT INTO device_states (device_id, heartbeat_at, boot_id, agent_version, model_version, next_seq,"
            " spooled, clock_offset_s, report) VALUES (%s, now(), 'b', '0.2.0', 'm1', 12, 2, 0.5, %s)",
            (device, Jsonb({"temperature_c": 61})),
        )
        connection.execute("INSERT INTO device_accounts VALUES (%s, 8, 1, 1, 1, 9)", (device,))
    shown = control.admin.get(f"/v1/devices/{device}").json()
    assert (shown["agent_version"], shown["model_version"], shown["spooled"]) == ("0.2.0", "m1", 2)
    assert shown["produced"] == 12
    assert shown["account"] == {"stored": 8, "duplicate": 1, "rejected": 1, "lost": 1, "max_seq": 9}
    assert shown["report"] == {"temperature_c": 61}
    (listed,) = control.as_role("ml").get("/v1/devices").json()["items"]
    assert listed == {key: value for key, value in shown.items() if key in listed}
    status = control.as_role("hr").get("/v1/status").json()
    assert (status["devices"], status["silent"], status["stored"], status["spooled"]) == (1, 0, 8, 2)


def test_devices_are_paused_moved_and_revoked(control: Control) -> None:
    one, two = station(control), station(control, "P2")
    device, other = control.add_device(), control.add_device(two)
    admin, path = control.admin, f"/v1/devices/{device}"
    assert admin.post(f"{path}/pause").json()["standing"] == "paused"
    assert admin.post(f"{path}/resume").json()["standing"] == "active"
    assert admin.put(f"{path}/placement", json={"station_id": one}).json()["place"]["station"] == "P1"
    taken = admin.put(f"{path}/placement", json={"station_id": two})
    assert taken.status_code == 409
    assert f"device {other} was placed at that station" in taken.json()["detail"]
    assert admin.put(f"{path}/placement", json={"station_id": 99}).status_code == 404
    assert admin.put(f"{path}/placement", json={}).status_code == 422
    assert admin.put(f"{path}/placement", json={"station_id": None}).json()["place"] is None
    revoked = admin.post(f"{path}/revoke").json()
    assert (revoked["standing"], revoked["revoked_at"] is not None) == ("revoked", True)
    assert admin.post(f"{path}/pause").status_code == 409
    entries = admin.get("/v1/audit", params={"subject": f"device {device}"}).json()["items"]
    assert [each["action"] for each in entries] == [
        "device.revoke", "device.place", "device.place", "device.resume", "device.pause",
    ]  # fmt: skip


def test_dead_letters_are_listed_without_what_they_said(control: Control) -> None:
    device = control.add_device()
    with transaction(control.database.engine("ingest")) as session:
        for reason in ("unknown_model", "bad_value"):
            session.execute(
                text(
                    "INSERT INTO dead_letters (device_id, event_id, seq, reason, detail, body)"
                    " VALUES (:device, 'e', 1, :reason, 'say what', 'the body')"
                ),
                {"device": device, "reason": reason},
            )
    listed = control.admin.get("/v1/dead-letters").json()["items"]
    assert [(each["reason"], each["size_bytes"]) for each in listed] == [("bad_value", 8), ("unknown_model", 8)]
    assert "the body" not in str(listed)
    only = control.admin.get("/v1/dead-letters", params={"device_id": device, "reason": "bad_value"}).json()["items"]
    assert len(only) == 1
    page = control.admin.get("/v1/dead-letters", params={"limit": 1}).json()
    rest = control.admin.get("/v1/dead-letters", params={"after": page["next"]}).json()
    assert [each["reason"] for each in rest["items"]] == ["unknown_model"]


def test_a_replay_is_asked_for_once_and_audited(control: Control) -> None:
    device = control.add_device()
    with transaction(control.database.engine("ingest")) as session:
        for number, reason in enumerate(("unknown_model", "bad_value", "conflict", "profile")):
            session.execute(
                text(
                    "INSERT INTO dead_letters (device_id, event_id, seq, reason, detail, body)"
                    " VALUES (:device, :event, 1, :reason, 'say what', 'the body')"
                ),
                {"device": device, "event": str(number), "reason": reason},
            )
    asked = control.admin.post("/v1/dead-letters/replays", json={"reason": "unknown_model", "device_id": device})
    assert (asked.status_code, asked.json()) == (202, {"letters": 1})
    assert control.admin.post("/v1/dead-letters/replays", json={}).json() == {"letters": 1}, (
        "the rest that can be mended"
    )
    refused = control.admin.post("/v1/dead-letters/replays", json={"reason": "conflict"})
    assert refused.status_code == 422
    assert "another event has its id" in refused.text
    listed = control.admin.get("/v1/dead-letters").json()["items"]
    waiting = {each["reason"] for each in listed if each["replay_asked_at"]}
    assert waiting == {"unknown_model", "bad_value"}
    noted = [each for each in control.admin.get("/v1/audit").json()["items"] if each["action"] == "dead_letters.replay"]
    assert [each["detail"]["n"] for each in noted] == [1, 1]
