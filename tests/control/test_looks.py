"""Looks at one person over HTTP and from a terminal."""

import json

import psycopg
import pytest
from typer.testing import CliRunner

from stressvision_control.cli.app import app
from stressvision_store import access_export
from stressvision_store.session import transaction
from support.control import ADMIN_TOKEN, Control
from support.person import Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]

REASON = "three alerts in one shift"


def people_seen(person: Person) -> int:
    with psycopg.connect(person.database.url("grafana_safety")) as connection:
        return connection.execute("SELECT FROM safety.people").rowcount


def test_a_look_is_in_the_officers_name_and_told_to_the_person(control: Control, person: Person) -> None:
    rosa = control.person("Rosa", "safety")
    made = rosa.post("/v1/looks", json={"employee": person.pseudonym, "reason": REASON, "hours": 0.5})
    assert made.status_code == 201, made.text
    look = made.json()
    assert (look["officer"], look["live"], look["reason"]) == ("Rosa", True, REASON)
    assert people_seen(person) == 1
    assert [row["id"] for row in rosa.get("/v1/looks", params={"live": True}).json()["items"]] == [look["id"]]

    with transaction(person.database.engine("control")) as session:
        found = access_export.collect(session, person.id)
    line = found["looks"][-1]
    assert (line["actor"].startswith("Rosa (token "), line["action"], line["reason"]) == (True, "look.open", REASON)
    (row,) = found["person_looks"]
    assert (row["officer"], row["reason"]) == ("Rosa", REASON)

    ended = control.as_role("privacy").post(f"/v1/looks/{look['id']}/end").json()
    assert ended["live"] is False
    assert people_seen(person) == 0
    assert rosa.get("/v1/looks", params={"live": True}).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [{"reason": "too short"}, {"hours": 8.01}, {"hours": 0}, {"hours": -1}, {"hours": "NaN"}, {"until": "2030-01-01"},
     {"officer": "Luis"}, {"reason": None}],
)  # fmt: skip
def test_a_look_without_a_reason_or_an_end_is_none(control: Control, person: Person, body: dict[str, object]) -> None:
    answer = control.as_role("safety").post("/v1/looks", json={"employee": person.pseudonym, "reason": REASON} | body)
    assert answer.status_code == 422, answer.text
    assert people_seen(person) == 0


def test_nobody_but_a_safety_officer_opens_one(control: Control, person: Person) -> None:
    body = {"employee": person.pseudonym, "reason": REASON}
    for role in ("admin", "operator", "hr", "ml", "privacy"):
        assert control.as_role(role).post("/v1/looks", json=body).status_code == 403
    with control.client(ADMIN_TOKEN) as bootstrap:
        assert bootstrap.post("/v1/looks", json=body).status_code == 403
    assert control.as_role("safety").post("/v1/looks", json=body | {"employee": "P-nobody"}).status_code == 404
    assert people_seen(person) == 0


def test_the_commands(control: Control, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("safety"))

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["looks", *words])
        assert result.exit_code == 0, (result.output, result.stderr, result.exception)
        return result.stdout

    assert f"var-person={person.pseudonym}" in run("open", person.pseudonym, "--reason", REASON, "--hours", "2")
    (row,) = json.loads(run("list", "--json"))
    assert row["pseudonym"] == person.pseudonym
    run("end", str(row["id"]))
    assert json.loads(run("list", "--json")) == []
    assert json.loads(run("list", "--all", "--json"))[0]["live"] is False
