"""How often a caller may ask, and what every answer says to a browser."""

import httpx
import pytest
from fastapi import FastAPI
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from stressvision_control.app import create_app
from stressvision_control.cli.client import Api, CliSettings
from stressvision_control.headers import HEADERS
from stressvision_control.limits import Allowances, Limit
from stressvision_control.settings import Settings
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
        assert unsafe(client.get(path)) == []


def unsafe(answer: httpx.Response) -> list[str]:
    """The headers that are missing, or say something else."""
    return [name for name, value in HEADERS.items() if answer.headers.get(name) != value]


@pytest.mark.db
def test_every_refusal_is_safe_for_a_browser(control: Control) -> None:
    admin, stranger = control.admin, control.client("nonsense")
    answers = [
        admin.post("/v1/sites", content=b"{", headers={"Content-Type": "application/json"}),
        admin.get("/v1/sites/0"),
        admin.get("/v1/sites/99"),
        admin.delete("/v1/sites"),
        admin.post("/v1/sites", json={"name": "Callao", "time_zone": "America/Lima"}),
        admin.post("/v1/sites", json={"name": "Callao", "time_zone": "America/Lima"}),
        admin.post("/v1/sites", content=b" " * (2 << 20)),
        control.as_role("hr").get("/v1/audit"),
        *(stranger.get("/v1/sites") for _ in range(11)),
        stranger.get("/alerts/no-such-key"),
    ]
    stranger.close()
    assert {answer.status_code for answer in answers} >= {400, 401, 403, 404, 405, 409, 413, 422, 429}
    assert [(answer.status_code, unsafe(answer)) for answer in answers if unsafe(answer)] == []


def test_an_error_of_the_service_is_safe_for_a_browser() -> None:
    nowhere = "postgresql://stressvision_control:x@127.0.0.1:1/x"
    app = create_app(Settings(env="development", control_database_url=nowhere))

    @app.get("/v1/broken")
    def broken() -> None:
        raise RuntimeError

    with TestClient(app, raise_server_exceptions=False) as client:
        answers = [client.get("/v1/broken"), client.get("/v1/sites", headers={"Authorization": "Bearer x"})]
    assert [answer.status_code for answer in answers] == [500, 503]
    assert [unsafe(answer) for answer in answers] == [[], []]
