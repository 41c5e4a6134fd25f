"""Links to people's own pages: made, listed and revoked by privacy officers, and by nobody else."""

import json

import httpx
import pytest
from typer.testing import CliRunner

from stressvision_control.cli.app import app
from support.control import Control
from support.person import Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]


def test_links_are_a_privacy_officers_to_make(
    control: Control, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("privacy", "admin"))

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["privacy", *words])
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result.stdout

    url = run("link", person.pseudonym, "--days", "5").strip()
    assert httpx.get(url).status_code == 200
    made = json.loads(run("link", person.pseudonym, "--address", "https://people.example/", "--json"))
    assert made["url"].startswith("https://people.example/my-data/")
    run("link", person.pseudonym, "--days", "91", code=1)
    rows = json.loads(run("links", "list", "--employee", person.pseudonym, "--json"))
    assert [row["id"] for row in rows] == [1, 2]
    assert not any(url.rsplit("/", 1)[1] in str(row) for row in rows)
    run("links", "revoke", "1")
    assert httpx.get(url).status_code == 404
    for role in ("operator", "hr", "safety", "ml"):
        body = {"employee_id": person.id}
        assert control.as_role(role).post("/v1/privacy/links", json=body).status_code == 403
