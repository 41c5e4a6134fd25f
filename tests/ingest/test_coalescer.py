"""Statements that fail, databases that go away, queues that fill: every batch gets an answer, none gets lost."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from sqlalchemy import text

from stressvision_ingest.app import create_app
from stressvision_store import cli
from support.database import Database, create_database, prepare_cluster
from support.intake import Device, join, make_gap, make_settings, make_window, register_model, serve, serve_intake
from support.servers import PostgresServer, start_postgres, wait_until

pytestmark = pytest.mark.db


@pytest.fixture
def own_server(tmp_path_factory, servers_folder: Path) -> Iterator[PostgresServer]:
    """A Postgres that a test may kill."""
    server = start_postgres(servers_folder / f"own-{time.monotonic_ns()}")
    yield server
    server.stop("immediate")


@pytest.fixture
def own_database(own_server: PostgresServer) -> Database:
    database = create_database(prepare_cluster(own_server.url), "own")
    cli.prepare(database.urls)
    register_model(database.engine())
    return database


def execute(database: Database, statement: str) -> None:
    with database.engine().begin() as connection:
        connection.execute(text(statement))


def sent_at_once(devices: list[Device], *batches: list) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(batches)) as pool:
        return list(pool.map(lambda pair: pair[0].send(*pair[1]), zip(devices, batches, strict=True)))


def receipt(answer: httpx.Response) -> tuple[int, int, list[tuple[str, int]]]:
    assert answer.status_code == 202, answer.text
    said = answer.json()
    return said["stored"], said["duplicate"], [(r["reason"], r["index"]) for r in said["rejected"]]


@pytest.fixture
def poisoned(database: Database) -> Iterator[None]:
    """Postgres refuses what has 13 faces, as it might for a reason that we did not foresee."""
    execute(database, "ALTER TABLE events ADD CONSTRAINT unlucky CHECK (faces <> 13)")
    yield
    execute(database, "ALTER TABLE events DROP CONSTRAINT unlucky")


@pytest.mark.usefixtures("poisoned")
def test_an_event_that_postgres_refuses_harms_nobody_else(device: Device, rows, tally):
    batch = [make_window(seq=n, faces=13 if n in {2, 7} else n) for n in range(10)]
    answer = device.send(*batch, "x", make_gap(seq=10))
    assert receipt(answer) == (9, 0, [("malformed", 10), ("bad_value", 2), ("bad_value", 7)])
    assert answer.json()["acked_seq"] == 10
    assert tally() == (9, 0, 3, 0)
    assert rows("SELECT seq FROM dead_letters WHERE reason = 'bad_value' ORDER BY 1") == [(2,), (7,)]
    assert receipt(device.send(*batch)) == (0, 8, [("bad_value", 2), ("bad_value", 7)])
    assert tally() == (9, 10, 3, 0)


@pytest.mark.usefixtures("poisoned")
def test_a_poisoned_batch_does_not_spoil_those_it_was_merged_with(client: httpx.Client, database: Database):
    devices = [join(client, database.engine()) for _ in range(6)]
    batches = [[make_window(faces=13)] if n == 0 else [make_window() for _ in range(5)] for n in range(6)]
    with database.engine().begin() as blocker:
        blocker.execute(text("LOCK TABLE events IN SHARE MODE"))  # so that they wait together
        threading.Timer(0.3, blocker.rollback).start()
        answers = sent_at_once(devices, *batches)
        time.sleep(0.3)
    assert [receipt(answer) for answer in answers] == [(0, 0, [("bad_value", 0)]), *[(5, 0, [])] * 5]


def test_overlapping_batches_do_not_deadlock(client: httpx.Client, database: Database):
    devices = [join(client, database.engine())] * 8
    shared = [make_window(seq=n) for n in range(300)]
    batches = [shared if n % 2 else shared[::-1] for n in range(8)]
    answers = sent_at_once(devices, *batches)
    assert sum(answer.json()["stored"] for answer in answers) == 300
    assert sum(answer.json()["duplicate"] for answer in answers) == 7 * 300
    assert 'flush_retries_total{why="deadlock"}' not in client.get("/metrics").text


def test_a_dead_connection_costs_nobody_an_answer(client: httpx.Client, device: Device, database: Database):
    for _ in range(3):
        with psycopg.connect(database.admin_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name LIKE 'stressvision-ingest%' AND datname = current_database()"
            )
        assert receipt(device.send(make_window())) == (1, 0, [])
    assert device.beat().status_code == 200


def test_a_queue_that_is_full_says_so(database: Database, redis_url: str):
    settings = make_settings(database, redis_url, queue_rows=10, writers=1, flush_rows=5, device_rate=1e9)
    with serve_intake(settings) as client, ThreadPoolExecutor(8) as pool:
        device = join(client, database.engine())
        with database.engine().begin() as blocker:
            blocker.execute(text("LOCK TABLE events IN SHARE MODE"))
            answers = [pool.submit(device.send, *[make_window() for _ in range(5)]) for _ in range(8)]
            wait_until(lambda: sum(answer.done() for answer in answers) == 5, "refusal of five batches")
        codes = sorted(answer.result().status_code for answer in answers)
        assert codes == [202] * 3 + [503] * 5, "one on its way and two waiting"
        refused = next(answer.result() for answer in answers if answer.result().status_code == 503)
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.headers["content-type"] == "application/problem+json"


def test_a_queue_that_is_old_says_so_and_recovers(database: Database, redis_url: str):
    settings = make_settings(database, redis_url, queue_age_s=0.2, writers=1)
    with serve_intake(settings) as client, ThreadPoolExecutor(2) as pool:
        device = join(client, database.engine())
        with database.engine().begin() as blocker:
            blocker.execute(text("LOCK TABLE events IN SHARE MODE"))
            early = [pool.submit(device.send, make_window())]
            time.sleep(0.1)
            early.append(pool.submit(device.send, make_window()))
            time.sleep(0.4)
            assert device.send(make_window()).status_code == 503
            assert client.get("/readyz").status_code == 503
            assert client.get("/livez").status_code == 200
        assert [receipt(answer.result()) for answer in early] == [(1, 0, [])] * 2
        assert device.send(make_window()).status_code == 202


def test_a_statement_that_never_ends_is_given_up(database: Database, redis_url: str):
    settings = make_settings(database, redis_url, statement_timeout_s=0.3)
    with serve_intake(settings) as client:
        device = join(client, database.engine())
        event = make_window()
        with database.engine().begin() as blocker:
            blocker.execute(text("LOCK TABLE events IN SHARE MODE"))
            refused = device.send(event)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) >= 1
        assert receipt(device.send(event)) == (1, 0, [])


def test_a_database_that_goes_and_comes_back_loses_nothing(
    own_server: PostgresServer, own_database: Database, redis_url: str
):
    with serve_intake(make_settings(own_database, redis_url)) as client:
        device = join(client, own_database.engine())
        events = [make_window(seq=n) for n in range(60)]
        settled, codes = set(), []

        def send_all() -> None:
            while len(settled) < len(events):
                for event in events:
                    if event["seq"] not in settled:
                        answer = device.send(event)
                        codes.append(answer.status_code)
                        if answer.status_code == 202:
                            settled.add(event["seq"])
                        else:
                            assert answer.status_code == 503, answer.text
                            assert int(answer.headers["retry-after"]) >= 1
                        time.sleep(0.02)

        sender = threading.Thread(target=send_all)
        sender.start()
        time.sleep(0.3)
        own_server.stop("immediate")
        wait_until(lambda: client.get("/readyz").status_code == 503, "unreadiness")
        assert client.get("/livez").status_code == 200
        assert device.beat().status_code == 503
        time.sleep(0.5)
        own_server.start()
        sender.join(60)
        assert not sender.is_alive()
        wait_until(lambda: client.get("/readyz").is_success, "readiness")
        assert 503 in codes
        with own_database.engine().connect() as connection:
            assert connection.execute(text("SELECT count(*), count(DISTINCT seq) FROM events")).one() == (60, 60)
        own_database.dispose()


def test_it_starts_without_a_database_and_waits_for_it(
    own_server: PostgresServer, own_database: Database, redis_url: str
):
    own_database.dispose()
    own_server.stop()

    with (
        serve(create_app(make_settings(own_database, redis_url))) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        assert (client.get("/livez").status_code, client.get("/readyz").status_code) == (200, 503)
        assert client.post("/v1/enroll", json={}).status_code == 422
        own_server.start()
        wait_until(lambda: client.get("/readyz").is_success, "readiness")
        assert join(client, own_database.engine()).send(make_window()).status_code == 202
        own_database.dispose()


def test_a_batch_that_is_sent_twice_at_once_is_refused_once(database: Database, device: Device, rows, tally):
    batch = [make_window(seq=1), make_window(seq=2, model_version="never-1"), make_window(seq=3, faces=700, frames=600)]
    blocker = database.engine().connect()
    blocker.execute(text("LOCK TABLE events IN ACCESS EXCLUSIVE MODE"))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(device.send, *[make_window(seq=9)]) for _ in range(2)]
        time.sleep(0.3)  # both writers wait, and what comes now is stored together
        waiting += [pool.submit(device.send, *batch) for _ in range(2)]
        time.sleep(0.3)
        blocker.rollback()
        answers = [each.result() for each in waiting][2:]
    blocker.close()

    assert sorted(receipt(answer)[:2] for answer in answers) == [(0, 1), (1, 0)]
    assert rows("SELECT seq FROM dead_letters ORDER BY seq") == [(2,), (3,)]
    assert tally() == (3, 3, 2, 0)
