"""Who may do what: every route, every role, and no role at all."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from stressvision_control.security import ROLES, FailedAttempts
from stressvision_store.session import transaction
from support.control import ADMIN_TOKEN, Control

REASON = {"reason": "a test of every route"}
PER_PERSON = ("/v1/employees", "/v1/assignments", "/v1/check-ins", "/v1/consents", "/v1/roster", "/v1/looks")
db = pytest.mark.db


def operations(control: Control) -> list[tuple[str, str, dict[str, Any]]]:
    paths = control.as_role(None).get("/openapi.json").json()["paths"]
    return [(path, method, operation) for path, methods in paths.items() for method, operation in methods.items()]


def try_it(client: httpx.Client, method: str, path: str) -> int:
    """With ids that do not exist, and a body that says nothing."""
    filled = path.replace("{code_id}", "0" * 64)
    filled = re.sub(r"{\w+}", "2147483647", filled)
    body = {} if method in {"post", "put", "patch"} else None
    return client.request(method, filled, params=REASON, json=body).status_code


@db
def test_every_route_under_v1_says_whom_it_is_for(control: Control) -> None:
    found = operations(control)
    assert len(found) > 55
    for path, method, operation in found:
        if path.startswith("/v1/"):
            assert set(operation["x-roles"]) <= set(ROLES), (method, path)
            assert operation["security"] == [{"token": []}], (method, path)
        else:
            assert path in {"/livez", "/readyz", "/metrics"}


@db
def test_every_route_takes_its_roles_and_no_others(control: Control) -> None:
    tried = 0
    for path, method, operation in operations(control):
        roles = operation.get("x-roles")
        if roles is None:
            assert try_it(control.as_role(None), method, path) == 200
            continue
        assert try_it(control.as_role(None), method, path) == 401, (method, path)
        for role in ROLES:
            status = try_it(control.as_role(role), method, path)
            if role in roles:
                assert status not in {401, 403, 405, 500}, (method, path, role, status)
            else:
                assert status == 403, (method, path, role, status)
            tried += 1
    assert tried > 300


@db
def test_human_resources_and_ml_reach_no_route_about_a_person(control: Control) -> None:
    for path, method, operation in operations(control):
        if path.startswith(PER_PERSON):
            assert not {"hr", "ml"} & set(operation["x-roles"]), (method, path)
        if path.endswith("/name") and method == "get":
            assert set(operation["x-roles"]) == {"admin", "privacy"}


@db
def test_bad_expired_and_revoked_tokens_are_refused(control: Control) -> None:
    made = control.make("/v1/tokens", name="Rosa", roles=["operator"])
    fresh = control.client(made["token"])
    assert fresh.get("/v1/sites").status_code == 200
    assert control.admin.delete(f"/v1/tokens/{made['id']}").json()["revoked_at"] is not None
    expired = control.client(control.token("admin", valid_for=timedelta(seconds=-1)))
    for client in (fresh, expired, control.client("nonsense")):
        answer = client.get("/v1/sites")
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.headers["Content-Type"] == "application/problem+json"
        client.close()
    for header in (b"Basic YTpi", b"Bearer", b"Bearer \xff\xfe", "Bearer Ñ".encode()):
        answer = control.as_role(None).get("/v1/sites", headers={b"Authorization": header})
        assert answer.status_code == 401, header


@db
def test_many_bad_tokens_are_slowed_down_and_good_ones_are_not(control: Control) -> None:
    with control.client("nonsense") as client:
        assert [client.get("/v1/sites").status_code for _ in range(12)] == [401] * 10 + [429] * 2
        assert 1 <= int(client.get("/v1/sites").headers["Retry-After"]) <= 61
    assert control.admin.get("/v1/sites").status_code == 200


@db
def test_the_token_of_the_environment_is_an_administrator_and_shown_as_such(control: Control) -> None:
    with control.client(ADMIN_TOKEN) as client:
        shown = client.get("/v1/tokens/me").json()
        assert (shown["id"], shown["name"], shown["roles"], shown["bootstrap"]) == (
            None, "bootstrap admin", ["admin"], True,
        )  # fmt: skip
        assert client.get("/v1/tokens").json()["items"][0]["bootstrap"] is True
        client.post("/v1/sites", json={"name": "Callao", "time_zone": "America/Lima"})
        assert client.get("/v1/audit").json()["items"][0]["actor"] == "bootstrap admin"


@db
def test_only_hashes_of_tokens_are_kept(control: Control) -> None:
    token = control.make("/v1/tokens", name="Rosa", roles=["hr", "safety"])["token"]
    with transaction(control.database.engine("owner")) as session:
        rows = session.execute(text("SELECT t::text FROM api_tokens t UNION SELECT a::text FROM audit a")).scalars()
        assert not any(token in row for row in rows)
    assert token not in control.admin.get("/v1/tokens").text


@db
def test_a_safety_officer_needs_a_reason_which_is_kept(control: Control) -> None:
    site = control.make("/v1/sites", name="Callao", time_zone="America/Lima")
    employee = control.make("/v1/employees", site_id=site["id"], pseudonym="E-1", name="Ana")
    path = f"/v1/employees/{employee['id']}"
    refused = control.as_role("safety").get(path)
    assert refused.status_code == 403
    assert "?reason=" in refused.json()["detail"]
    assert control.as_role("safety").get(path, params={"reason": "short"}).status_code == 422
    seen = control.as_role("safety").get(path, params={"reason": "a look after three alerts"})
    assert seen.json() == {"id": employee["id"], "site_id": site["id"], "pseudonym": "E-1", "has_badge": False}
    entries = control.admin.get("/v1/audit", params={"action": "employee.read"}).json()["items"]
    assert [(each["subject"], each["detail"]) for each in entries] == [
        (f"employee {employee['id']}", {"reason": "a look after three alerts"})
    ]


def test_failed_attempts_are_forgotten_after_the_window_and_by_address() -> None:
    at = 0.0
    attempts = FailedAttempts(limit=2, window_s=60, addresses=2, now=lambda: at)
    assert [attempts.record("a"), attempts.record("a"), attempts.record("a")] == [0, 0, 61]
    assert attempts.record("b") == 0
    at = 61.0
    assert attempts.record("a") == 0
    attempts.record("c")
    attempts.record("d")
    assert [attempts.record("a"), attempts.record("a"), attempts.record("a")] == [0, 0, 61]
