"""What comes again, and what only goes by an id that is stored: neither is written twice, and only one is an alarm."""

import json

import pytest

from support.database import Database
from support.intake import Device, join, make_gap, make_window, receipt

pytestmark = pytest.mark.db


def test_a_replay_is_told_from_new_events(device: Device, rows, tally):
    known, new = make_window(seq=1), make_window(seq=2)
    assert receipt(device.send(known)) == (1, 0, [])
    assert receipt(device.send(known, new)) == (1, 1, [])
    assert receipt(device.send(known, new)) == (0, 2, [])
    assert tally() == (2, 3, 0, 0)
    assert rows("SELECT count(*) FROM dirty_windows") == [(2,)]


def test_one_event_twice_in_a_batch_is_stored_once(device: Device, tally):
    event = make_window()
    assert receipt(device.send(event, event, event)) == (1, 2, [])
    assert tally() == (1, 2, 0, 0)


def test_other_content_under_a_known_id_is_an_alarm_and_no_overwrite(device: Device, rows, tally):
    event = make_window(faces=1)
    forged = {**event, "faces": 2}
    assert receipt(device.send(event)) == (1, 0, [])
    answer = device.send(make_gap(), forged)
    assert receipt(answer) == (1, 0, ["conflict"])
    assert answer.json()["rejected"][0]["index"] == 1
    assert rows("SELECT faces FROM events WHERE kind = 1") == [(1,)]
    ((reason, event_id, body),) = rows("SELECT reason, event_id, body FROM dead_letters")
    assert (reason, event_id, json.loads(bytes(body))["faces"]) == ("conflict", event["event_id"], 2)
    assert tally() == (2, 0, 1, 0)
    assert "stressvision_ingest_conflicts_total" in device.client.get("/metrics").text
    assert receipt(device.send(forged)) == (0, 0, ["conflict"])
    assert tally() == (2, 1, 1, 0), "a refusal that is repeated counts once"


def test_two_contents_under_one_id_in_one_batch_conflict(device: Device, tally):
    event = make_window(faces=1)
    assert receipt(device.send(event, {**event, "faces": 2})) == (1, 0, ["conflict"])
    assert tally() == (1, 0, 1, 0)


def test_one_id_as_two_kinds_conflicts(device: Device):
    event = make_window()
    assert receipt(device.send(event, make_gap(event_id=event["event_id"]))) == (1, 0, ["conflict"])


def test_the_event_of_another_device_conflicts(device: Device, database: Database):
    event = make_window()
    device.send(event)
    assert receipt(join(device.client, database.engine()).send(event)) == (0, 0, ["conflict"])
