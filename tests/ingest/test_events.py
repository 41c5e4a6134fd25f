"""What a device is answered, and what is then in the database."""

import gzip
import json
import secrets
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import zstandard
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from stressvision_contracts.events import MAX_BODY_BYTES
from support.database import Database
from support.intake import (
    Device,
    join,
    make_batch,
    make_episode,
    make_gap,
    make_settings,
    make_window,
    receipt,
    register_model,
    serve_intake,
    text_of,
)

pytestmark = pytest.mark.db


def test_stores_a_batch_of_all_kinds_and_answers_after_commit(device: Device, rows):
    answer = device.send(make_window(seq=1), make_episode(seq=2), make_gap(seq=3, lost=4))
    assert answer.json() == {"stored": 3, "duplicate": 0, "rejected": [], "acked_seq": 3}
    assert rows("SELECT kind, seq, device_id FROM events ORDER BY seq") == [
        (kind, kind, device.id) for kind in (1, 2, 3)
    ]
    assert rows("SELECT stored, duplicate, rejected, lost, max_seq FROM intake_tallies") == [(3, 0, 0, 4, 3)]


def test_every_field_arrives_where_it_belongs(device: Device, rows):
    ended = datetime.now(UTC).replace(microsecond=123_456)
    window = make_window(ended, seq=5, coverage=0.123456, seconds={"sad": 1.5}, mean_probability={"happy": 0.25})
    episode = make_episode(ended, seq=6, phase="close", condition="stress", peak=1, mean=0.5)
    gap = make_gap(ended, seq=7, reason="spool_full", lost=9, model_version="none")
    assert receipt(device.send(window, episode, gap)) == (3, 0, [])
    assert rows(
        "SELECT event_id::text, ended_at, frames, faces, coverage_ppm, sad_ms, neutral_ms, happy_ppm, stress_ppm,"
        " clock_shift_ms, model_version, peak_ppm FROM events WHERE kind = 1",
    ) == [(window["event_id"], ended, 600, 540, 123_456, 1500, 0, 250_000, 0, 0, window["model_version"], None)]
    assert rows(
        "SELECT episode_id::text, phase, condition, peak_ppm, mean_ppm, coverage_ppm, started_at, frames"
        " FROM events WHERE kind = 2",
    ) == [(episode["episode_id"], 2, 1, 1_000_000, 500_000, 900_000, ended - timedelta(seconds=90), None)]
    assert rows("SELECT reason, lost, model_version FROM events WHERE kind = 3") == [(2, 9, "none")]


def test_refused_events_lie_in_the_dead_letters_and_their_neighbours_are_stored(device: Device, rows, tally):
    bad = make_window(seq=2, picture="x" * 9_000)
    sent = [make_window(seq=1), bad, make_gap(seq=3, reason="nap"), 17]
    assert receipt(device.send(*sent, boot_id="boot-9")) == (1, 0, ["unknown_field", "bad_value", "malformed"])
    letters = rows("SELECT device_id, event_id, seq, reason, boot_id, length(body) FROM dead_letters ORDER BY id")
    assert letters[0] == (device.id, bad["event_id"], 2, "unknown_field", "boot-9", 4096)
    assert letters[2] == (device.id, None, None, "malformed", "boot-9", 2)
    assert tally() == (1, 0, 3, 0)
    device.send(*sent, boot_id="boot-9")
    assert tally() == (1, 4, 3, 0), "sent again, they are repeats"
    assert rows("SELECT count(*) FROM dead_letters") == [(3,)]


def test_a_batch_of_nothing_but_refusals_is_answered(device: Device, tally):
    assert receipt(device.send(1, 2)) == (0, 0, ["malformed"] * 2)
    assert tally() == (0, 0, 2, 0)


def test_a_batch_of_nothing_is_answered(device: Device):
    assert device.send().json() == {"stored": 0, "duplicate": 0, "rejected": [], "acked_seq": None}


def test_a_wrong_clock_is_put_right_and_what_it_said_is_kept(device: Device, rows):
    stamped = datetime(1970, 1, 1, 1, tzinfo=UTC)
    truth = datetime.now(UTC) - timedelta(seconds=100)
    event = make_window(stamped, monotonic_s=500.0)
    assert receipt(device.send(event, sent_at=text_of(stamped), sent_monotonic_s=600.0)) == (1, 0, [])
    ((ended, said),) = rows("SELECT ended_at, ended_at - clock_shift_ms * interval '1 ms' FROM events")
    assert abs(ended - truth) < timedelta(seconds=2)
    assert said == stamped
    assert receipt(device.send(event, sent_at=text_of(stamped), sent_monotonic_s=700.0)) == (0, 1, []), "a replay"


def test_marks_name_the_five_minutes_of_windows_and_episodes(device: Device, rows):
    bucket = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
    at = [bucket + timedelta(seconds=s) for s in (60, 61, 359, 360, 361)]
    device.send(*map(make_window, at), make_episode(bucket + timedelta(minutes=12)), make_gap(bucket))
    marks = rows("SELECT device_id, bucket_at FROM dirty_windows ORDER BY 2")
    assert marks == [(device.id, bucket + timedelta(minutes=m)) for m in (0, 5, 10)]


def test_a_model_registered_a_moment_ago_is_known(device: Device, database: Database):
    assert receipt(device.send(make_window(model_version="company5-2.0.0"))) == (0, 0, ["unknown_model"])
    register_model(database.engine(), "company5-2.0.0")
    assert receipt(device.send(make_window(model_version="company5-2.0.0"))) == (1, 0, [])


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_packed_batches_are_read(device: Device, encoding, pack):
    body = pack(json.dumps(make_batch(make_window(), make_gap())).encode())
    assert receipt(device.send_raw(body, **{"Content-Encoding": encoding})) == (2, 0, [])


UNACCEPTABLE = {
    "nothing": (b"", {}, 400),
    "no JSON": (b"no json", {}, 400),
    "NaN": (json.dumps(make_batch(make_gap(lost=float("nan")))).encode(), {}, 400),
    "no envelope": (b"{}", {}, 422),
    "a list": (b"[]", {}, 422),
    "a long body": (b" " * (MAX_BODY_BYTES + 1), {}, 413),
    "many events": (json.dumps(make_batch(*[make_gap()] * 1001)).encode(), {}, 413),
    "a gzip bomb": (gzip.compress(bytes(100 << 20)), {"Content-Encoding": "gzip"}, 413),
    "a zstd bomb": (zstandard.compress(bytes(100 << 20)), {"Content-Encoding": "zstd"}, 413),
    "no gzip": (b"x", {"Content-Encoding": "gzip"}, 400),
    "another packing": (b"x", {"Content-Encoding": "br"}, 415),
    "a token that is none": (b"{}", {"Authorization": "Bearer no-token"}, 401),
    "no token": (b"{}", {"Authorization": ""}, 401),
    "another scheme": (b"{}", {"Authorization": "Basic eDp5"}, 401),
}


def test_what_cannot_be_taken_is_refused_with_a_problem_document(device: Device, subtests: pytest.Subtests):
    for case, (body, headers, status) in UNACCEPTABLE.items():
        with subtests.test(case):
            answer = device.send_raw(body, **headers)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
            assert answer.json()["status"] == status
            assert answer.json()["detail"]


def test_only_post_is_known(device: Device):
    answer = device.client.get("/v1/events")
    assert (answer.status_code, answer.json()["status"]) == (405, 405)


def test_a_body_in_chunks_without_a_length_is_bounded_too(device: Device):
    def chunks():
        for _ in range(40):
            yield b" " * 50_000

    answer = device.client.post("/v1/events", content=chunks(), headers=device.headers)
    assert answer.status_code == 413


def test_a_revoked_device_is_shut_out_within_five_seconds(device: Device, database: Database):
    assert device.send(make_window()).status_code == 202
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE devices SET revoked_at = now() WHERE id = :id"), {"id": device.id})
    deadline = datetime.now(UTC) + timedelta(seconds=5)
    while (answer := device.send(make_window())).status_code == 202:
        assert datetime.now(UTC) < deadline
    assert answer.status_code == 403
    assert device.ask_token().status_code == 403
    assert device.beat().status_code == 403


def test_a_sender_that_goes_away_leaves_its_events_behind(device: Device, rows):
    def send_and_leave() -> None:
        with httpx.Client(base_url=device.client.base_url, timeout=0.001) as hasty:
            try:
                hasty.post("/v1/events", json=make_batch(make_window()), headers=device.headers)
            except httpx.TimeoutException:
                return

    for _ in range(5):
        send_and_leave()
    assert receipt(device.send(make_window())) == (1, 0, [])
    assert 1 <= rows("SELECT count(*) FROM events")[0][0] <= 6


def test_many_senders_at_once_each_get_their_own_receipt(device: Device, rows, tally):
    shared = [make_window(seq=n) for n in range(20)]
    totals, lock = {"stored": 0, "duplicate": 0}, threading.Lock()

    def send() -> None:
        with httpx.Client(base_url=device.client.base_url, timeout=30) as client:
            for start in range(0, 20, 5):
                body = make_batch(*shared[start : start + 5], make_window())
                said = client.post("/v1/events", json=body, headers=device.headers).json()
                assert said["stored"] + said["duplicate"] == 6
                with lock:
                    totals["stored"] += said["stored"]
                    totals["duplicate"] += said["duplicate"]

    threads = [threading.Thread(target=send) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert totals == {"stored": 20 + 12 * 4, "duplicate": 11 * 20}
    assert rows("SELECT count(*) FROM events") == [(68,)]
    assert tally() == (68, 220, 0, 0)


def test_a_device_with_a_backlog_waits_while_the_queue_is_half_full(database: Database, redis_url: str):
    settings = make_settings(database, redis_url, queue_rows=2, device_rate=10.0, device_burst=10.0, queue_age_s=60)
    with serve_intake(settings) as client:
        greedy, modest = join(client, database.engine()), join(client, database.engine())
        greedy.send(*[make_gap() for _ in range(100)])
        with database.engine().begin() as blocker:
            blocker.execute(text("LOCK TABLE events IN SHARE MODE"))
            waiting = [threading.Thread(target=modest.send, args=(make_gap(),)) for _ in range(5)]
            for thread in waiting:
                thread.start()
                thread.join(0.1)
            refused = greedy.send(make_gap())
        for thread in waiting:
            thread.join()
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert greedy.send(make_gap()).status_code == 202, "without pressure nobody waits"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
events = st.lists(
    json_values
    | st.builds(lambda key, value: make_window(**{key: value}), st.sampled_from(list(make_window())), json_values),
    max_size=6,
)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sent=events, repeated=st.booleans())
def test_whatever_is_sent_is_accounted_for(device: Device, sent, repeated):
    batch = [*sent, *(sent if repeated else []), make_window()]
    answer = device.send(*batch)
    assert answer.status_code == 202, answer.text
    stored, duplicate, rejected = receipt(answer)
    assert stored + duplicate + len(rejected) == len(batch)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()),
    path=st.sampled_from(["/v1/events", "/v1/enroll", "/v1/token", "/v1/heartbeat", "/v1/" + secrets.token_hex(4)]),
    headers=st.dictionaries(
        st.sampled_from(["Content-Encoding", "Content-Type", "Accept", "X-Forwarded-For"]),
        st.sampled_from(["gzip", "zstd", "application/json", "application/x-www-form-urlencoded", "x" * 300, ""]),
    ),
)
def test_no_garbage_makes_it_stumble(device: Device, body, path, headers):
    answer = device.client.post(path, content=body, headers={**device.headers, **headers})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
