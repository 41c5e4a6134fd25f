"""The service as a whole: its document, its health and its counters."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from stressvision_control.errors import Problem
from support.control import ADMIN_TOKEN, Control
from support.database import Database
from support.servers import free_port, wait_until

pytestmark = pytest.mark.db


def test_the_document_is_complete(control: Control) -> None:
    document = control.as_role(None).get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    assert {"Problem", "Fault", "Manifest", "InputSpec", "SiteView"} <= set(schemas)
    assert "HTTPValidationError" not in schemas
    assert set(schemas["Problem"]["properties"]) == set(Problem.model_fields)
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["summary"], where
            assert operation["operationId"], where
            if path.startswith("/v1/"):
                assert operation["tags"], where
                content = operation["responses"]["422"]["content"]
                assert list(content) == ["application/problem+json"], where
                (good,) = [status for status in operation["responses"] if status.startswith("2")]
                assert good == "204" or operation["responses"][good]["content"], where
    identifiers = [each["operationId"] for methods in document["paths"].values() for each in methods.values()]
    assert len(identifiers) == len(set(identifiers))


def test_every_reference_in_the_document_leads_somewhere(control: Control) -> None:
    document = control.as_role(None).get("/openapi.json").json()
    stack, references = [document], set()
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            references |= {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            stack += node.values()
        elif isinstance(node, list):
            stack += node
    schemas = document["components"]["schemas"]
    assert {each.removeprefix("#/components/schemas/") for each in references} <= set(schemas)


def test_health_and_metrics_need_no_token(control: Control) -> None:
    anyone = control.as_role(None)
    assert anyone.get("/livez").json() == {"status": "alive"}
    assert anyone.get("/readyz").json() == {"status": "ready"}
    anyone.get("/v1/sites")
    text = anyone.get("/metrics").text
    assert 'stressvision_control_requests_total{method="GET",status="4xx"}' in text
    assert "stressvision_control_request_seconds_bucket" in text


def test_documentation_pages_are_for_development_only(control: Control) -> None:
    assert control.as_role(None).get("/docs").status_code == 404


def test_long_lists_come_in_pages(control: Control) -> None:
    for n in range(5):
        control.make("/v1/sites", name=f"Site {n}", time_zone="America/Lima")
    names, after = [], None
    for _ in range(3):
        page = control.admin.get("/v1/sites", params={"limit": 2} | ({"after": after} if after else {})).json()
        names += [each["name"] for each in page["items"]]
        after = page["next"]
    assert names == [f"Site {n}" for n in range(5)]
    assert after is None


def test_more_requests_than_connections_and_threads_at_once_are_all_answered(control: Control) -> None:
    control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    admin = control.admin
    with ThreadPoolExecutor(90) as crowd:
        answers = list(crowd.map(lambda _: admin.get("/v1/sites").status_code, range(270)))
    assert set(answers) == {200}


def test_nothing_is_kept_of_a_request_that_is_refused(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    control.make("/v1/employees", site_id=site["id"], pseudonym="E-1", badge="7")
    answer = control.admin.post("/v1/employees", json={"site_id": site["id"], "pseudonym": "E-2", "badge": "7"})
    assert answer.status_code == 409
    assert [each["pseudonym"] for each in control.admin.get("/v1/employees").json()["items"]] == ["E-1"]


def test_the_process_starts_from_the_environment_and_stops_on_sigterm(database: Database, tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | database.environment
    environment |= {"STRESSVISION_CONTROL_PORT": str(port), "STRESSVISION_ADMIN_TOKEN": ADMIN_TOKEN}
    command = [str(Path(sys.executable).with_name("stressvision-control"))]
    with (tmp_path / "log").open("wb") as log, subprocess.Popen(command, env=environment, stderr=log) as process:
        try:
            wait_until(lambda: answers(port), "the control process")
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0, (tmp_path / "log").read_text()
    assert ADMIN_TOKEN not in (tmp_path / "log").read_text()


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False
