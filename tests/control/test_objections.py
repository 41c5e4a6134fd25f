"""Objections over HTTP and from a terminal."""

import json

import pytest
from typer.testing import CliRunner

from stressvision_control.cli.app import app
from support.control import Control
from support.person import Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]

WORDS = "I do not want this.\nNot at this station."
WHY = "the station is too near the canteen"


def test_an_objection_is_heard_by_a_privacy_officer(control: Control, person: Person) -> None:
    officer = control.person("Ana", "privacy")
    made = officer.post("/v1/objections", json={"employee_id": person.id, "text": WORDS})
    assert made.status_code == 201, made.text
    row = made.json()
    assert (row["state"], row["text"], row["recorded_by"][:10]) == ("open", WORDS, "Ana (token")
    assert officer.post("/v1/objections", json={"employee_id": person.id, "text": WORDS}).status_code == 409
    assert [each["id"] for each in officer.get("/v1/objections", params={"state": "open"}).json()["items"]] == [
        row["id"]
    ]

    path = f"/v1/objections/{row['id']}/decide"
    assert officer.post(path, json={"decision": "upheld", "reason": "short"}).status_code == 422
    assert officer.post(path, json={"decision": "perhaps", "reason": WHY}).status_code == 422
    decided = officer.post(path, json={"decision": "upheld", "reason": WHY}).json()
    assert (decided["state"], decided["decision"]) == ("upheld", WHY)
    assert officer.post(path, json={"decision": "rejected", "reason": WHY}).status_code == 409
    consents = officer.get("/v1/consents", params={"employee_id": person.id}).json()["items"]
    assert [each["withdrawn_at"] for each in consents] == [row["raised_at"]]
    lines = [
        (each["action"], each["detail"].get("reason"))
        for each in control.admin.get("/v1/audit", params={"subject": f"employee {person.id}"}).json()["items"]
    ]
    assert ("objection.raise", None) in lines
    assert ("objection.decide", WHY) in lines
    assert ("objection.list", None) in lines


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "x" * 4001, 7])
def test_words_are_words(control: Control, person: Person, text: object) -> None:
    body = {"employee_id": person.id, "text": text}
    assert control.as_role("privacy").post("/v1/objections", json=body).status_code == 422


def test_the_commands(control: Control, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("privacy"))

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, ["privacy", "objections", *words])
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result.stdout

    run("record", str(person.id), "--text", WORDS)
    (row,) = json.loads(run("list", "--json"))
    assert row["text"] == WORDS
    run("decide", str(row["id"]), "--reason", WHY, code=2)
    run("decide", str(row["id"]), "--reason", WHY, "--uphold", "--reject", code=2)
    run("decide", str(row["id"]), "--reason", WHY, "--reject")
    assert json.loads(run("list", "--json")) == []
    run("record", str(person.id), "--text", WORDS)
    run("take-back", str(row["id"] + 1))
    assert [each["state"] for each in json.loads(run("list", "--all", "--json"))] == ["rejected", "taken_back"]
