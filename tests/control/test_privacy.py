"""A person's rights over HTTP and from a terminal, notices, and the report of ages."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stressvision_contracts.labels import COMPANY5
from stressvision_control.cli.app import app
from stressvision_control.privacy.words import COLUMNS, STATES, WORDS
from stressvision_store import alert_tables
from stressvision_store.profiles import STRICTEST_FIRST
from support.control import Control
from support.person import Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]

REASON = "asked for in writing"
TEXTS = {"es": "Qué se observa y para qué. " * 5, "en": "What is observed and what for. " * 5}


@pytest.fixture
def stressvision(control: Control, person: Person, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("privacy", "admin"))

    def run(*words: str, code: int = 0, stdin: str | None = None) -> Result:
        result = CliRunner().invoke(app, words, input=stdin)
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    return run


def test_values_of_closed_sets_have_names_for_people() -> None:
    alerts = {*alert_tables.STATES, *alert_tables.OUTCOMES, *alert_tables.SUPPRESSIONS}
    assert {*alerts, *COMPANY5, *STRICTEST_FIRST} <= STATES["es"].keys() == STATES["en"].keys()
    assert COLUMNS["es"].keys() == COLUMNS["en"].keys()
    assert WORDS["es"].keys() == WORDS["en"].keys()


def test_an_export_is_json_and_two_pages(stressvision, person: Person, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/data.json").touch(mode=0o644)
    stressvision("privacy", "export", person.pseudonym, "--reason", REASON, "--out", "out")

    data = json.loads((tmp_path / "out/data.json").read_text())
    spanish, english = ((tmp_path / f"out/data.{language}.html").read_text() for language in ("es", "en"))
    assert data["person"]["name"] == "Ana Quispe"
    assert data["looks"][-1]["action"] == "privacy.export", "this very look"
    assert "Signos de cansancio" in spanish
    assert "Signs of tiredness" in english
    assert "Ana Quispe" in spanish
    assert "http" not in spanish.replace("http-equiv", ""), "nothing from elsewhere"
    assert (tmp_path / "out/data.json").stat().st_mode & 0o077 == 0


def test_an_erasure_asks_again_and_leaves_a_receipt(stressvision, person: Person, tmp_path: Path) -> None:
    words = ("privacy", "erase", person.pseudonym, "--reason", REASON, "--out", "out")
    stressvision(*words, stdin="somebody else\n", code=1)
    assert person.count("employees", id=person.id) == 1

    stressvision(*words, stdin=f"{person.pseudonym}\n")

    receipt = json.loads((tmp_path / "out/receipt.json").read_text())
    assert receipt["counts"]["events"] == 62
    page = (tmp_path / "out/receipt.es.html").read_text()
    assert receipt["audit_hash"] in page
    assert "Ana Quispe" not in page
    assert person.count("employees", id=person.id) == 0
    stressvision("audit", "verify", "--expect", f"{receipt['audit_place']}:{receipt['audit_hash']}")
    stressvision("privacy", "receipt", "1", "--out", "again")
    assert json.loads(stressvision("privacy", "erasures", "--json").stdout)[0]["reason"] == REASON


def test_the_receipt_is_a_page_in_both_languages(control: Control, person: Person) -> None:
    body = {"employee_id": person.id, "confirm": person.pseudonym, "reason": REASON}
    answer = control.as_role("privacy").post("/v1/privacy/erase", json=body)
    assert answer.status_code == 200, answer.text
    for language, title in (("es", "Constancia"), ("en", "Receipt")):
        page = control.as_role("privacy").get("/v1/privacy/erasures/1/page", params={"language": language})
        assert page.headers["Content-Type"].startswith("text/html")
        assert title in page.text
    assert control.as_role("privacy").post("/v1/privacy/erase", json=body).status_code == 404
    assert control.as_role("operator").post("/v1/privacy/erase", json=body).status_code == 403


def test_what_is_written_cannot_become_markup(control: Control, person: Person, stressvision, tmp_path: Path) -> None:
    person.connection.execute("UPDATE employee_names SET name = '<script>alert(1)</script>'")
    stressvision("privacy", "export", person.pseudonym, "--reason", REASON, "--out", "out")
    assert "<script" not in (tmp_path / "out/data.es.html").read_text()


def test_a_broken_audit_is_told_with_its_place(stressvision, person: Person) -> None:
    stressvision("audit", "verify")
    place, digest = stressvision("audit", "head").stdout.strip().split(":")
    assert int(place) > 0
    stressvision("audit", "verify", "--expect", f"{place}:{'0' * 64}", code=1)
    stressvision("audit", "verify", "--expect", f"{place}:{digest}", "--json")
    person.connection.execute("ALTER TABLE audit DISABLE TRIGGER USER")
    person.connection.execute("UPDATE audit SET actor = 'nobody' WHERE id = 1")
    found = json.loads(stressvision("audit", "verify", "--json", code=1).stdout)
    assert (found["whole"], found["place"], found["entry_id"]) == (False, 1, 1)


def test_notices_are_kept_word_for_word(stressvision, control: Control, tmp_path: Path) -> None:
    for language, text in TEXTS.items():
        (tmp_path / f"{language}.txt").write_text(text)
    publish = ("privacy", "notices", "publish", "2026-1", "--es", "es.txt", "--en", "en.txt")
    stressvision(*publish)
    stressvision(*publish)
    assert "Qué se observa" in stressvision("privacy", "notices", "show", "2026-1").stdout
    assert {row["language"] for row in control.admin.get("/v1/notices").json()} == {"es", "en"}
    (tmp_path / "en.txt").write_text(TEXTS["en"] + "And more.")
    stressvision(*publish, code=1)
    stressvision("privacy", "notices", "show", "2026-2", code=1)


def test_who_recorded_and_who_withdrew_is_kept(control: Control, person: Person) -> None:
    ana = control.person("Ana", "operator")
    body = {"employee_id": person.id, "notice_version": "2", "language": "es"}
    made = ana.post("/v1/consents", json=body).json()
    assert made["recorded_by"].startswith("Ana (token ")
    luis = control.person("Luis", "privacy")
    rows = luis.post("/v1/consents/withdraw", json={"employee_id": person.id}).json()
    assert [row["withdrawn_by"].startswith("Luis (token ") for row in rows] == [True, True]
    assert luis.post("/v1/consents/withdraw", json={"employee_id": person.id}).status_code == 409


def test_the_report_of_ages_fails_when_something_is_too_old(stressvision, person: Person) -> None:
    stressvision("privacy", "retention")
    person.connection.execute("INSERT INTO retention_runs VALUES ('rollups', 0, now(), 0)")
    rows = json.loads(stressvision("privacy", "retention", "--json", code=1).stdout)
    assert next(row for row in rows if row["table"] == "rollup_shifts")["beyond"] == 3


def test_a_page_has_no_word_of_the_other_language_and_tells_local_time(
    stressvision, person: Person, tmp_path: Path
) -> None:
    stressvision("privacy", "export", person.pseudonym, "--reason", REASON, "--out", "out")
    page = (tmp_path / "out/data.es.html").read_text()
    heads = set(re.findall(r'<th scope="\w+">([^<]*)</th>', page))
    untold = {head for head in heads if head.lower().replace(" ", "_") in COLUMNS["en"]}
    assert untold == set(), "a column by its name in the database"
    sections = json.loads((tmp_path / "out/data.json").read_text())["counts"]
    assert [name for name in sections if f"<h2>{name.replace('_', ' ')} (" in page] == [], "nor a section"
    assert "<td>seguridad</td>" in page, "a profile has a name for people"
    assert {"Aviso", "Entrada", "Qué hizo"} <= heads
    check_ins = re.findall(r"<td>station 1\.0\.0</td><td>[^<]*, (\d\d:\d\d)</td>", page)
    assert check_ins == ["07:55"], "the check-in, in Lima"
    assert "exportó sus datos" in page
