"""Every error is a problem that says what was wrong and what to do."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from fastapi import FastAPI

from stressvision_control.app import MAX_BODY_BYTES, MAX_ROSTER_BYTES, create_app
from stressvision_control.metrics import FAULTS
from stressvision_control.settings import Settings
from support.control import ADMIN_TOKEN, Control, start_server
from support.manifests import make_manifest
from support.servers import free_port

NOWHERE = "postgresql://stressvision_control:a-password-of-tests@127.0.0.1:1/stressvision"
JSON = {"Content-Type": "application/json"}
db = pytest.mark.db


def problem(answer: httpx.Response, status: int) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


@db
def test_every_kind_of_error_is_a_problem(control: Control) -> None:
    admin = control.admin
    assert "/openapi.json lists" in str(problem(admin.get("/v1/nothing"), 404)["detail"])
    assert "does not take DELETE" in str(problem(admin.delete("/v1/sites"), 405)["detail"])
    problem(admin.get("/v1/sites/99"), 404)
    problem(admin.get("/v1/sites/0"), 422)
    problem(admin.get(f"/v1/sites/{2**31}"), 422)
    problem(admin.get("/v1/sites", params={"limit": 501}), 422)
    problem(admin.get("/v1/sites", params={"after": "x"}), 422)
    assert "no JSON" in str(problem(admin.post("/v1/sites", content=b"{", headers=JSON), 400)["detail"])
    problem(admin.post("/v1/sites", content=b"\xff", headers=JSON), 400)
    problem(admin.post("/v1/sites", json=[]), 422)
    body = problem(admin.post("/v1/sites", json={"name": "", "time_zone": "Lima", "colour": 1}), 422)
    assert {each["field"] for each in body["errors"]} == {"name", "colour"}  # type: ignore[attr-defined]
    body = problem(admin.post("/v1/sites", json={"name": "Ilo", "time_zone": "Lima"}), 422)
    assert body["errors"][0]["field"] == "time_zone"  # type: ignore[index]
    control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    problem(admin.post("/v1/sites", json={"name": "Callao", "time_zone": "America/Lima"}), 409)


@db
@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "\ud800", " ", "x" * 101, 7, None, ["a"]])
def test_names_that_no_table_should_hold_are_refused(shared_control: Control, name: object) -> None:
    body = json.dumps({"name": name, "time_zone": "America/Lima"})
    problem(shared_control.admin.post("/v1/sites", content=body, headers=JSON), 422)


@db
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/notices", {"version": "v1", "es": "a\x00" * 80, "en": "b" * 100}),
        ("/v1/models", make_manifest(licence_note="a\x00b")),
        ("/v1/models", make_manifest(scores={"\ud800": 1})),
        ("/v1/models/test-1/reject", {"reason": "it will not do\x00"}),
    ],
)
def test_what_the_database_cannot_hold_is_the_callers_mistake(shared_control: Control, path: str, body: object) -> None:
    problem(shared_control.admin.post(path, content=json.dumps(body), headers=JSON), 422)


@db
def test_half_a_letter_in_the_name_of_a_field_is_no_fault_of_ours(shared_control: Control) -> None:
    problem(shared_control.admin.post("/v1/sites", content=b'{"\\ud800": 1}', headers=JSON), 422)


@db
def test_a_body_that_is_too_long_is_stopped_on_its_way(control: Control) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(MAX_ROSTER_BYTES // 65536 + 1):
            yield b" " * 65536

    for path, kind in (("/v1/sites", JSON), ("/v1/roster", {"Content-Type": "text/csv"}), ("/v1/roster", JSON)):
        problem(control.admin.post(path, content=endless(), headers=kind), 413)
    body = b" " * MAX_BODY_BYTES + b"{}"
    problem(control.admin.post("/v1/sites", content=body, headers=JSON), 413)


@db
@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("POST", "/v1/roster", "multipart/form-data; boundary=x"),
        ("PUT", f"/v1/pictures/{'0' * 64}?label=happy&site_id=1", "image/png"),
        ("PUT", "/v1/models/m1/file", "application/octet-stream"),
        ("POST", "/v1/model-repository/targets", "application/json"),
        ("POST", "/v1/training-jobs/1/candidate", "multipart/form-data; boundary=x"),
    ],
)
def test_a_long_body_is_not_read_before_it_is_known_who_sends_it(
    shared_control: Control, method: str, path: str, kind: str
) -> None:
    url = httpx.URL(shared_control.url)
    with socket.create_connection((url.host, url.port or 0), timeout=10) as connection:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: 4000000\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(12) == b"HTTP/1.1 401"


@db
def test_a_kind_of_content_makes_no_body_longer(shared_control: Control) -> None:
    for kind in ("multipart/form-data; boundary=x", "application/octet-stream", "text/csv", "image/png"):
        with shared_control.client(None) as client:
            answer = client.post("/v1/training-jobs/claims", content=b" " * (2 << 20), headers={"Content-Type": kind})
        problem(answer, 413)


@contextmanager
def served(app: FastAPI, port: int) -> Iterator[httpx.Client]:
    server, thread = start_server(app, port)
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        yield client
    server.should_exit = True
    thread.join()


def test_a_database_that_is_away_is_said_with_a_time_to_come_back() -> None:
    app = create_app(Settings(control_database_url=NOWHERE, admin_token=ADMIN_TOKEN))
    with served(app, free_port()) as client:
        assert client.get("/livez").json() == {"status": "alive"}
        for path in ("/readyz", "/v1/sites"):
            answer = client.get(path)
            problem(answer, 503)
            assert answer.headers["Retry-After"] == "5"


def test_an_error_of_ours_is_counted_and_keeps_its_secrets() -> None:
    app = create_app(Settings(control_database_url=NOWHERE, admin_token=ADMIN_TOKEN))

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a secret")

    before = FAULTS._value.get()
    with served(app, free_port()) as client:
        body = problem(client.get("/broken"), 500)
    assert "secret" not in str(body)
    assert FAULTS._value.get() == before + 1
