"""Refused events are sent again when somebody asks: judged anew, stored once, counted once."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy import text

from stressvision_ingest.settings import Settings
from stressvision_store import replays
from stressvision_store.refusals import InvalidError
from stressvision_store.session import transaction
from support.database import Database
from support.intake import Device, make_settings, make_window, register_model, serve_intake, text_of
from support.servers import wait_until

pytestmark = pytest.mark.db

TALLIES = "SELECT sum(stored), sum(duplicate), sum(rejected) FROM intake_tallies"
LETTERS = "SELECT reason, detail, replay_asked_at IS NOT NULL, replayed_at IS NOT NULL FROM dead_letters ORDER BY id"


@pytest.fixture(scope="module")
def settings(database: Database, redis_url: str) -> Settings:
    return make_settings(database, redis_url, replay_period_s=0.05)


@pytest.fixture(scope="module", autouse=True)
def _another_replica(settings: Settings, database: Database) -> Iterator[None]:
    """Two intakes look for letters: each must be taken by one."""
    with serve_intake(settings):
        yield


def ask(database: Database, **wanted) -> int:
    with transaction(database.engine("control")) as session:
        return replays.ask(session, **wanted)


def settled(rows) -> list[tuple]:
    wait_until(lambda: not any(asked for _, _, asked, _ in rows(LETTERS)), "the letters")
    return rows(LETTERS)


def refused(device: Device, *events, **changes) -> None:
    answer = device.send(*events, **changes).json()
    assert (answer["stored"], len(answer["rejected"])) == (0, len(events))


def test_an_event_of_a_model_that_was_registered_later_is_stored_once(device: Device, database: Database, rows):
    events = [make_window(seq=seq, model_version="late-1") for seq in range(1, 21)]
    refused(device, *events)
    assert rows(TALLIES) == [(0, 0, 20)]
    register_model(database.engine(), "late-1")
    assert ask(database, device_id=device.id, reason="unknown_model") == 20
    assert {replayed for *_, replayed in settled(rows)} == {True}
    assert rows("SELECT count(*), count(DISTINCT event_id), min(model_version) FROM events") == [(20, 20, "late-1")]
    assert rows(TALLIES) == [(20, 0, 0)]
    assert rows("SELECT count(*) > 0 FROM dirty_windows") == [(True,)]
    assert ask(database, device_id=device.id) == 0, "a letter that was sent again is done with"
    again = device.send(*events).json()
    assert (again["stored"], again["duplicate"]) == (0, 20)


def test_what_is_still_wrong_stays_with_the_reason_it_has_now(device: Device, database: Database, rows):
    refused(device, make_window(seq=1, model_version="never-1"), make_window(seq=2, faces=700, frames=600))
    assert ask(database, device_id=device.id) == 2
    first, second = settled(rows)
    assert (first[0], first[3], second[0], second[3]) == ("unknown_model", False, "bad_value", False)
    assert rows(TALLIES) == [(0, 0, 2)]
    assert ask(database, device_id=device.id, since=datetime.now(UTC) + timedelta(hours=1)) == 0


def test_an_event_that_came_meanwhile_counts_as_a_duplicate(device: Device, database: Database, rows):
    event = make_window(seq=1, model_version="late-2")
    refused(device, event)
    register_model(database.engine(), "late-2")
    wait_until(lambda: device.send(event).json()["stored"] == 1, "the model to be known")
    assert ask(database, device_id=device.id) == 1
    settled(rows)
    (stored, _, rejected), *_ = rows(TALLIES)
    assert (stored, rejected) == (1, 0)


def test_another_event_under_its_id_makes_it_a_conflict(device: Device, database: Database, rows):
    event = make_window(seq=1, model_version="late-3")
    refused(device, event)
    register_model(database.engine(), "late-3")
    wait_until(lambda: device.send(event | {"faces": 1}).json()["stored"] == 1, "the model to be known")
    before = rows(TALLIES)
    assert ask(database, device_id=device.id) == 1
    ((reason, detail, _, replayed),) = settled(rows)
    assert (reason, replayed) == ("conflict", False)
    assert "other content" in detail
    assert rows(TALLIES) == before
    with pytest.raises(InvalidError, match="another event has its id"):
        ask(database, reason="conflict")


def test_times_are_put_right_as_when_it_came(device: Device, database: Database, rows):
    true_end = datetime.now(UTC) - timedelta(minutes=10)
    event = make_window(datetime(1970, 1, 2, tzinfo=UTC), seq=1, model_version="late-4") | {"monotonic_s": 600.0}
    boot = text_of(true_end - timedelta(seconds=600))
    refused(device, event, boot_started_at=boot)
    register_model(database.engine(), "late-4")
    assert ask(database, device_id=device.id) == 1
    assert [replayed for *_, replayed in settled(rows)] == [True]
    ((ended,),) = rows("SELECT ended_at FROM events")
    assert abs(ended - true_end) < timedelta(seconds=2)


def test_a_revoked_devices_letters_stay(device: Device, database: Database, rows):
    refused(device, make_window(seq=1, model_version="never-2"))
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE devices SET revoked_at = now() WHERE id = :id"), {"id": device.id})
    assert ask(database, device_id=device.id) == 1
    ((reason, detail, _, replayed),) = settled(rows)
    assert (reason, replayed) == ("unknown_model", False)
    assert "revoked" in detail


def test_a_killed_backend_leaves_a_letter_as_it_was(device: Device, database: Database, rows, client: httpx.Client):
    """The connection dies again and again while letters are dealt with; every event is stored once in the end."""
    events = [make_window(seq=seq, model_version="late-5") for seq in range(1, 301)]
    refused(device, *events)
    register_model(database.engine(), "late-5")
    stop = threading.Event()

    def kill() -> None:
        statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%-replays'"
        while not stop.wait(0.03):
            with database.engine("ingest").connect() as connection:
                connection.execute(text(statement))

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert ask(database, device_id=device.id) == 300
        stop.wait(1.0)
    finally:
        stop.set()
        killer.join()
    settled(rows)
    assert rows("SELECT count(*), count(DISTINCT event_id) FROM events") == [(300, 300)]
    assert rows(TALLIES) == [(300, 0, 0)]
    assert "stressvision_ingest_replayed_letters_total" in client.get("/metrics").text
