"""The whole process: killed, told to stop, asked how it is and what it speaks."""

import signal
import threading
import time
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from stressvision_ingest import app as app_module
from stressvision_ingest.settings import Settings
from support.database import Database
from support.intake import Device, IntakeProcess, join, make_episode, make_gap, make_window
from support.servers import wait_until

pytestmark = [pytest.mark.db, pytest.mark.e2e]

SLEEPY = """
CREATE FUNCTION sleep_a_little() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END';
CREATE TRIGGER sleepy AFTER INSERT ON intake_tallies EXECUTE FUNCTION sleep_a_little()
"""
AWAKE = "DROP TRIGGER sleepy ON intake_tallies; DROP FUNCTION sleep_a_little()"


def execute(database: Database, statement: str) -> None:
    with database.engine().begin() as connection:
        connection.exec_driver_sql(statement)


def count(database: Database, device: Device) -> int:
    with database.engine().connect() as connection:
        return connection.execute(
            text("SELECT count(*) FROM events WHERE device_id = :id"), {"id": device.id}
        ).scalar_one()


@pytest.fixture
def process(settings: Settings) -> Iterator[IntakeProcess]:
    process = IntakeProcess(settings)
    process.start()
    yield process
    process.end(signal.SIGKILL)


def test_killed_between_commit_and_answer_every_event_is_stored_once(process: IntakeProcess, database: Database):
    with httpx.Client(base_url=process.url, timeout=30) as client:
        device = join(client, database.engine())
        events = [make_window(seq=1), make_episode(seq=2), make_gap(seq=3)]
        execute(database, SLEEPY)
        lost: list[httpx.TransportError] = []

        def send() -> None:
            try:
                device.send(*events)
            except httpx.TransportError as error:
                lost.append(error)

        sender = threading.Thread(target=send)
        sender.start()
        time.sleep(0.25)  # the statement is running
        process.process.send_signal(signal.SIGSTOP)
        wait_until(lambda: count(database, device) == 3, "the commit")
        process.end(signal.SIGKILL)
        sender.join()
        execute(database, AWAKE)
        assert lost, "no answer can have come"
        process.start()
        assert device.send(*events).json() == {"stored": 0, "duplicate": 3, "rejected": [], "acked_seq": 3}
        assert count(database, device) == 3


def test_told_to_stop_it_answers_what_it_has_taken(process: IntakeProcess, database: Database):
    with httpx.Client(base_url=process.url, timeout=30) as client:
        device = join(client, database.engine())
        execute(database, SLEEPY)
        answers: list[httpx.Response] = []
        sender = threading.Thread(target=lambda: answers.append(device.send(make_window())))
        sender.start()
        time.sleep(0.25)
        assert process.end(signal.SIGTERM) == 0
        sender.join()
        execute(database, AWAKE)
        assert [answer.status_code for answer in answers] == [202]
    process.start()


def test_bad_settings_are_named_and_end_it(monkeypatch, database: Database):
    monkeypatch.setenv("STRESSVISION_INGEST_DATABASE_URL", database.url("ingest"))
    monkeypatch.setenv("STRESSVISION_INGEST_TOKEN_SECRET", "changeme")
    monkeypatch.delenv("STRESSVISION_ENV", raising=False)
    with pytest.raises(SystemExit, match="STRESSVISION_INGEST_TOKEN_SECRET is a known secret"):
        app_module.main()


def test_metrics_keep_to_closed_sets(device: Device):
    device.send(make_window(), "x")
    families = [
        family
        for family in text_string_to_metric_families(device.client.get("/metrics").text)
        if family.name.startswith("stressvision_ingest")
    ]
    assert len(families) > 15
    labels = {label for family in families for sample in family.samples for label in sample.labels}
    assert labels <= {"verdict", "reason", "status", "why", "outcome", "kind", "le"}
    assert sum(len(family.samples) for family in families) < 200


def test_the_openapi_document_is_complete(client: httpx.Client):
    document = client.get("/openapi.json").json()
    posts = {path: operation["post"] for path, operation in document["paths"].items() if "post" in operation}
    assert set(posts) == {"/v1/enroll", "/v1/token", "/v1/key", "/v1/events", "/v1/heartbeat"}
    schemas = document["components"]["schemas"]
    for path, post in posts.items():
        contents = [post["requestBody"]["content"]["application/json"]]
        contents += [kind for answer in post["responses"].values() for kind in answer.get("content", {}).values()]
        for content in contents:
            assert content["schema"]["$ref"].rsplit("/", 1)[1] in schemas, path
        assert ("security" in post) == (path in {"/v1/events", "/v1/heartbeat", "/v1/key"})
    assert {"Window", "Episode", "Gap", "Problem", "BatchReceipt"} <= set(schemas)
    assert schemas["Window"]["additionalProperties"] is False
    assert {"/livez", "/readyz", "/metrics"} <= set(document["paths"])


def test_unknown_paths_are_problems_too(client: httpx.Client):
    answer = client.get("/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
