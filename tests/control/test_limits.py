"""How often a caller may ask, and what every answer says to a browser."""

import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from stressvision_control.cli.client import Api, CliSettings
from stressvision_control.headers import HEADERS
from stressvision_control.limits import Allowances, Limit
from support.control import Control, start_server
from support.servers import free_port


def test_a_caller_has_a_burst_and_then_a_rate() -> None:
    at = 0.0
    allowances = Allowances(rate=2, burst=3, now=lambda: at)
    assert [allowances.spend(b"a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert allowances.spend(b"b") == 0
    at = 0.5
    assert [allowances.spend(b"a"), allowances.spend(b"a")] == [0, 0.5]
    at = 1000.0
    assert [allowances.spend(b"a") for _ in range(4)] == [0, 0, 0, 0.5], "no more than the burst is saved up"


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("hello")(scope, receive, send)


def test_too_many_requests_are_told_to_wait_and_health_is_not() -> None:
    client = TestClient(Limit(hello, Allowances(rate=0.01, burst=3)), headers={"Authorization": "Bearer one"})
    assert [client.get("/v1/sites").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = client.get("/v1/sites")
    assert 90 <= int(refused.headers["Retry-After"]) <= 100
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert client.get("/livez").status_code == 200
    assert client.get("/v1/sites", headers={"Authorization": "Bearer another"}).status_code == 200


def test_the_command_waits_when_it_is_told_to_and_goes_on() -> None:
    port = free_port()
    app = FastAPI()
    app.get("/v1/sites")(lambda: {"items": [{"id": 1}], "next": None})
    app.add_middleware(Limit, allowances=Allowances(rate=2, burst=2))
    server, thread = start_server(app, port)
    try:
        api = Api(CliSettings(control_url=f"http://127.0.0.1:{port}"))
        assert [api.site("Callao") for _ in range(4)] == [1] * 4
        api.close()
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.db
@pytest.mark.parametrize("path", ["/livez", "/v1/sites", "/v1/nothing", "/openapi.json"])
def test_every_answer_is_safe_for_a_browser(control: Control, path: str) -> None:
    for client in (control.admin, control.as_role(None)):
        answer = client.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)
