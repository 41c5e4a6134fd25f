"""A device says how it is and learns what is wanted of it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from support.database import Database
from support.intake import Device, join, make_settings, make_station, new_code, register_model, serve_intake, text_of

pytestmark = pytest.mark.db


def change(database: Database, statement: str, **values) -> None:
    with database.engine().begin() as connection:
        connection.execute(text(statement), values)


def test_a_heartbeat_is_kept_and_answered(device: Device, rows):
    answer = device.beat(next_seq=17, spooled=3, spool_age_s=1.5, agent_version="0.2.0", temperature_c=61.5)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert abs(datetime.fromisoformat(said.pop("server_time")) - datetime.now(UTC)) < timedelta(seconds=5)
    assert said == {"site_profile": "safety", "desired_model": None, "paused": False, "rotate_key": False}
    ((next_seq, spooled, age_s, report),) = rows("SELECT next_seq, spooled, spool_age_s, report FROM device_states")
    assert (next_seq, spooled, age_s, report["temperature_c"]) == (17, 3, 1.5, 61.5)
    assert rows("SELECT agent_version FROM devices WHERE id = :device") == [("0.2.0",)]
    device.beat(next_seq=18)
    assert rows("SELECT next_seq, spooled FROM device_states") == [(18, None)], "only the last one is kept"


def test_the_offset_of_the_clock_is_measured_where_the_device_does_not_say(device: Device, rows):
    device.beat(sent_at=text_of(datetime.now(UTC) + timedelta(hours=1)))
    assert rows("SELECT clock_offset_s FROM device_states")[0][0] == pytest.approx(3600, abs=5)
    device.beat(clock_offset_s=-2.5)
    assert rows("SELECT clock_offset_s FROM device_states") == [(-2.5,)]


def test_the_profile_of_the_site_a_pause_and_a_model_hold_from_the_next_heartbeat(device: Device, database: Database):
    station = make_station(database.engine(), "kiln", profile="fatigue_only")
    device.enrol(new_code(database.engine(), station_id=station))
    assert device.beat().json()["site_profile"] == "fatigue_only"
    change(database, "UPDATE sites SET profile = 'off' WHERE name = 'site kiln'")
    change(database, "UPDATE devices SET paused = true WHERE id = :id", id=device.id)
    register_model(database.engine(), "company5-3.0.0", desired=True)
    said = device.beat().json()
    assert (said["site_profile"], said["paused"]) == ("off", True)
    assert said["desired_model"] == {"version": "company5-3.0.0", "digest": "0" * 64}
    change(database, "DELETE FROM model_versions WHERE desired")


def test_heartbeats_that_cannot_be_kept_now_are_told_when_to_come_again(database: Database, redis_url: str):
    settings = make_settings(database, redis_url, statement_timeout_s=0.5)
    with serve_intake(settings) as client, ThreadPoolExecutor(15) as pool:
        device = join(client, database.engine())
        with database.engine().begin() as blocker:
            blocker.execute(text("SELECT FROM devices WHERE id = :id FOR UPDATE"), {"id": device.id})
            answers = list(pool.map(lambda _: device.beat(), range(15)))  # more than there are connections

    assert {answer.status_code for answer in answers} == {503}
    assert {answer.headers["retry-after"] for answer in answers} == {"5"}


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "a\0b"},
        {"next_seq": -1},
        {"coverage": 2},
        {"picture": "x"},
        {"boot_id": ""},
        {"sent_at": "now"},
        {"sent_at": "0001-01-01T00:00:00+14:00"},
        {"temperature_c": "hot"},
        {"spool_bytes": -1},
    ],
)
def test_a_bad_heartbeat_names_its_field(device: Device, changes):
    answer = device.beat(**changes)
    assert answer.status_code == 422
    assert answer.json()["field"].startswith("$")


def test_large_numbers_are_taken(device: Device):
    assert device.beat(disk_free_bytes=2**63 - 1, next_seq=2**63 - 1, clock_offset_s=1e308).is_success


def test_a_heartbeat_needs_a_token(device: Device):
    device.token = "x"
    assert device.beat().status_code == 401


def test_numbers_that_no_dashboard_can_show_are_refused(device: Device, database: Database):
    answer = device.beat(disk_free_bytes=10**400)
    assert (answer.status_code, answer.json()["field"]) == (422, "$.disk_free_bytes")
    with database.engine().connect() as connection:
        assert connection.execute(text("SELECT disk_free_bytes FROM ops.devices")).all()
