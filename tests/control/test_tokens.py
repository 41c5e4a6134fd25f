"""Tokens and the audit over HTTP."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from support.control import Control

pytestmark = pytest.mark.db


def test_a_token_is_shown_once_and_says_whose_it_is(control: Control) -> None:
    made = control.make("/v1/tokens", name="Rosa", roles=["safety", "hr", "hr"], valid_days=30)
    assert made["roles"] == ["hr", "safety"]
    left = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=29) < left <= timedelta(days=30)
    with control.client(made["token"]) as rosa:
        shown = rosa.get("/v1/tokens/me").json()
        assert (shown["id"], shown["name"], shown["bootstrap"]) == (made["id"], "Rosa", False)
        assert "token" not in shown
        assert rosa.get("/v1/tokens").status_code == 403
    assert control.make("/v1/tokens", name="forever", roles=["hr"], valid_days=None)["expires_at"] is None


@pytest.mark.parametrize(
    "change", [{"roles": []}, {"roles": ["root"]}, {"name": ""}, {"valid_days": 0}, {"expires_at": None}]
)
def test_tokens_that_should_not_be_are_refused(shared_control: Control, change: dict[str, object]) -> None:
    assert shared_control.admin.post("/v1/tokens", json={"name": "x", "roles": ["hr"]} | change).status_code == 422


def test_revoking_twice_keeps_the_first_time(control: Control) -> None:
    made = control.make("/v1/tokens", name="Rosa", roles=["hr"])
    first, second = (control.admin.delete(f"/v1/tokens/{made['id']}").json() for _ in range(2))
    assert first["revoked_at"] == second["revoked_at"]
    assert control.admin.delete("/v1/tokens/999999").status_code == 404


def test_the_audit_is_newest_first_filtered_and_in_pages(control: Control) -> None:
    for name in ("Callao", "Ilo", "Paita"):
        control.make("/v1/sites", name=name, time_zone="America/Lima")
    page = control.as_role("privacy").get("/v1/audit", params={"limit": 2}).json()
    assert [each["detail"]["name"] for each in page["items"]] == ["Paita", "Ilo"]
    rest = control.admin.get("/v1/audit", params={"limit": 2, "after": page["next"]}).json()
    assert [each["detail"]["name"] for each in rest["items"]] == ["Callao"]
    actor = page["items"][0]["actor"]
    assert actor.endswith(")")
    assert len(control.admin.get("/v1/audit", params={"actor": actor, "subject": "site 2"}).json()["items"]) == 1


def test_the_role_of_the_service_cannot_rewrite_the_audit(control: Control) -> None:
    with psycopg.connect(control.database.url("control"), autocommit=True) as connection:
        for statement in ("DELETE FROM audit", "UPDATE audit SET actor = 'x'", "TRUNCATE audit"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)
