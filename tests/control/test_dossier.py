"""The dossier of a system that has been used: complete in both languages, each figure from a query, nobody named."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb
from pypdf import PdfReader
from sqlmodel import Session
from typer.testing import CliRunner

from native.layout import ROOT
from stressvision_control.cli.app import app
from stressvision_store.dossier.document import Grid, words
from stressvision_store.dossier.facts import Facts, collect
from stressvision_store.dossier.rendering import lay_out, paper
from stressvision_store.dossier.statements import STATEMENTS
from stressvision_store.languages import LANGUAGES, Language
from stressvision_store.model_tables import ModelReport, ModelVersion
from stressvision_store.tables import DeviceState
from support.control import Control, serve
from support.database import Database
from support.person import Person, filled
from support.plants import insert

pytestmark = pytest.mark.db

NAMES = ("Ana Quispe", "Luis", "Rosa Vera", "Berta Paz", "Callao badge")
SHIPPED = json.loads((ROOT / "models" / "stressvision" / "manifest.json").read_text())
VERSION = SHIPPED["version"]
MISTAKES = [[1701 + line if line == column else 11 * line + column for column in range(5)] for line in range(5)]
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


def use(control: Control, person: Person) -> None:
    """What leaves a trace in each chapter: a widened profile, a model, a rollout, alerts, notices, retention."""
    add, connection, now = insert, person.connection, datetime.now(UTC)
    site = person.plant.sites[0]
    rosa, berta = control.person("Rosa Vera", "admin"), control.person("Berta Paz", "privacy")
    for profile in ("fatigue_only", "full"):
        change = rosa.put(f"/v1/sites/{site}/profile", json={"profile": profile, "reason": "a test of the dossier"})
        assert change.is_success, change.text
    berta.post(f"/v1/profile-changes/{change.json()['id']}/confirm").raise_for_status()
    texts = {"es": "Qué se observa y para qué. " * 5, "en": "What is observed and what for. " * 5}
    berta.post("/v1/notices", json={"version": "2026-1", **texts}).raise_for_status()
    rosa.post("/v1/models", json=SHIPPED).raise_for_status()
    kept = json.dumps({"test": {"confusion": MISTAKES}}).encode()
    octets = {"Content-Type": "application/octet-stream"}
    rosa.put(f"/v1/models/{VERSION}/reports/evaluation.json", content=kept, headers=octets).raise_for_status()
    for outcome, count in (("true", 21), ("false", 4)):
        for _ in range(count):
            add(
                connection, "alerts", rule="fatigue", rule_version="1", episode_id=_uuid(connection), device_id=1,
                condition="fatigue", model_version="demo-1", coverage_ppm=900_000, started_at=now, opened_at=now,
                received_at=now, state="closed", outcome=outcome, key=str(_uuid(connection)),
            )  # fmt: skip
    add(
        connection, "rollouts", version=VERSION, state="rolled_back", plan=Jsonb({}), created_by="Rosa Vera",
        approved_by="Berta Paz", cause="slow",
    )  # fmt: skip
    connection.execute("INSERT INTO retention_runs (rule, days, applied_at, dropped) VALUES ('raw', 90, now(), 0)")
    connection.execute("UPDATE model_versions SET desired = (version = %s)", [VERSION])
    connection.execute("UPDATE devices SET cloned_at = now() WHERE id = %s", [person.device])


def _uuid(connection: Any) -> Any:
    return connection.execute("SELECT gen_random_uuid()").fetchone()[0]


def fetch(control: Control) -> zipfile.ZipFile:
    answer = control.as_role("privacy").post("/v1/privacy/dossier")
    assert answer.status_code == 200, answer.text
    return zipfile.ZipFile(io.BytesIO(answer.content))


@pytest.fixture(scope="module")
def used(shared_database: Database) -> Iterator[tuple[Person, zipfile.ZipFile]]:
    """Used and made once for the module; its tests only read."""
    with serve(shared_database) as control, filled(shared_database) as person:
        use(control, person)
        with fetch(control) as found:
            yield person, found


@pytest.fixture
def packed(used: tuple[Person, zipfile.ZipFile]) -> zipfile.ZipFile:
    return used[1]


@pytest.fixture
def person(used: tuple[Person, zipfile.ZipFile]) -> Person:
    return used[0]


def pages(packed: zipfile.ZipFile) -> dict[Language, str]:
    return {language: packed.read(f"dossier.{language}.html").decode() for language in LANGUAGES}


def cells(facts: Facts, language: Language, title: str) -> list[tuple[str, ...]]:
    """The rows of the tables of a section."""
    sections = [each for each in lay_out(facts, language).sections if each.title == title]
    return [row for each in sections for block in each.blocks if isinstance(block, Grid) for row in block.rows]


def test_the_figures_are_those_of_the_database(packed: zipfile.ZipFile, person: Person) -> None:
    facts = json.loads(packed.read("facts.json"))
    (people,), (pictures,) = facts["people"], facts["pictures"]
    assert people["employees"] == person.count("employees")
    assert people["with_name"] == person.count("employee_names") == 1
    assert people["with_consent"] + people["withdrawn"] + people["never_asked"] == people["employees"]
    assert pictures["of_employees"] == 1
    assert [line["rows"] for line in facts["retention"] if line["table"] == "dead_letters"] == [3]
    assert facts["audit_chain"]["state"] == "whole"
    before = person.count("audit") - 1  # without the entry about this dossier
    assert facts["audit_chain"]["links"] == before == sum(row["times"] for row in facts["audit_actions"])
    (rule,) = facts["rules"]
    assert (rule["judged"], rule["right"]) == (25, 21)

    register = {row[0]: row for row in cells(facts, "en", words("en")["register"])}
    assert register["events"][2:4] == ("90 days", f"~ {facts['retention'][0]['rows']}")
    assert (register["consents"][5], register["rollup_shifts"][5]) == ("–", "unknown")
    assert register["audit"][6] == "control, (ingest), (worker)"
    assert "grafana" not in "".join("".join(row) for row in register.values())
    changes = cells(facts, "en", words("en")["profile_changes"])
    assert [(row[1], row[2], row[3], row[6]) for row in changes] == [
        ("safety", "fatigue_only", "applied", "no"),
        ("fatigue_only", "full", "applied", "yes"),
    ]
    (rollout,) = cells(facts, "en", words("en")["rollouts"])
    assert rollout[1:4] == ("rolled_back", "none", "yes")
    incidents = {row[0]: row[1] for row in cells(facts, "en", words("en")["incidents"])}
    assert incidents[words("en")["i_cloned"]] == "1"
    assert incidents[words("en")["i_rollouts"]] == "1"


def test_the_model_is_as_its_manifest_says_and_what_nobody_measured_is_unknown(packed: zipfile.ZipFile) -> None:
    facts = json.loads(packed.read("facts.json"))
    test = SHIPPED["scores"]["int8"]["test"]
    said = pages(packed)
    for language in LANGUAGES:
        assert f"{test['macro_f1'] * 100:.1f} %" in said[language]
        assert f"{test['recall_fatigue'] * 100:.1f} %" in said[language]
        assert words(language)["unknown_groups"] in said[language]
        assert SHIPPED["digest"] in said[language]
    bare = facts | {"manifests": {VERSION: SHIPPED | {"scores": {}, "provenance": {}}}}
    assert words("en")["no_scores"] in str(lay_out(bare, "en"))
    (wrong,) = [row for row in cells(bare, "en", words("en")["risks"]) if row[0] == words("en")["risk_wrong"]]
    assert "macro-F1 not measured" in wrong[2]


@pytest.mark.parametrize(
    "odd",
    [
        {"scores": {"int8": 5, "groups": [1], "intervals": 7, "judged_by": "us"}},
        {"scores": {"int8": {"test": [1]}}, "provenance": {"sources": 5, "train_rows": "many"}},
        {"scores": {"int8": {"test": {"macro_f1": "high", "accuracy": 0.5}}, "intervals": {"test": {"accuracy": [1]}}}},
        {"scores": {"groups": {"glasses": 0.4}}, "licence_note": "many words " * 3000},
    ],
)
def test_a_manifest_of_another_shape_costs_its_own_figures_and_not_the_dossier(
    packed: zipfile.ZipFile, odd: dict[str, Any]
) -> None:
    facts = json.loads(packed.read("facts.json"))
    paper(lay_out(facts | {"manifests": {VERSION: SHIPPED | odd}}, "en"))


def test_what_was_taken_for_what_comes_from_the_kept_evaluation(packed: zipfile.ZipFile) -> None:
    facts = json.loads(packed.read("facts.json"))
    shown = [row for row in cells(facts, "en", f"Version {VERSION}") if row[0] in SHIPPED["labels"]]
    assert [[int(count) for count in row[1:]] for row in shown] == MISTAKES
    without = facts | {"mistakes": {VERSION: None}}
    assert words("en")["no_mistakes"] in str(lay_out(without, "en"))


@pytest.mark.usefixtures("packed")
@pytest.mark.parametrize("kept", [b"no json", b"[]", b'{"test": {"confusion": [[1]]}}', b'{"test": {"confusion": 7}}'])
def test_an_evaluation_that_cannot_be_read_is_unknown(shared_database: Database, kept: bytes) -> None:
    with Session(shared_database.engine("owner")) as session:
        manifest = SHIPPED | {"version": "odd"}
        session.add(ModelVersion(version="odd", digest=SHIPPED["digest"], manifest=manifest, desired=False))
        session.flush()
        session.add(ModelReport(version="odd", name="evaluation.json", content=kept, size_bytes=len(kept)))
        session.add(DeviceState(
            device_id=1, heartbeat_at=datetime.now(UTC), boot_id="b", agent_version="0", model_version="odd",
            next_seq=0, report={},
        ))  # fmt: skip
        session.flush()
        found = collect(session, {"paths": {}})
        session.rollback()
    assert found["mistakes"]["odd"] is None


def test_evidence_of_groups_is_what_was_published(packed: zipfile.ZipFile) -> None:
    facts = json.loads(packed.read("facts.json"))
    for groups, shown in (
        (
            {"cells": 12, "smallest": 6, "k": 5, "withheld": 3},
            "group: 5; smallest published: 6",
        ),
        ({"cells": 0, "smallest": None, "k": None, "withheld": 0}, "cells: 0; least size of a group: unknown"),
    ):
        risks = cells(facts | {"groups": [groups]}, "en", words("en")["risks"])
        assert [shown in row[2] for row in risks if row[0] == words("en")["risk_hr"]] == [True]


def test_every_number_is_a_fact_or_a_word(packed: zipfile.ZipFile) -> None:
    facts = json.loads(packed.read("facts.json"))
    known = set(_NUMBER.findall(json.dumps(facts, ensure_ascii=False)))
    for leaf in _leaves(facts):
        known |= {f"{leaf:.1f}", f"{leaf * 100:.1f}", str(int(leaf))}
    summed = {str(len(facts["profile_changes"])), str(sum(line["beyond"] or 0 for line in facts["retention"]))}
    for language in LANGUAGES:
        body = unescape(re.sub(r"<style>.*?</style>|<[^>]*>", " ", pages(packed)[language], flags=re.DOTALL))
        own = set(_NUMBER.findall(" ".join(words(language).values())))
        counted = {str(n) for n in range(10)}  # counts of rows that are listed in facts, one by one
        assert set(_NUMBER.findall(body)) - known - own - summed - counted == set()


def _leaves(found: Any) -> Iterator[float]:
    if isinstance(found, dict | list):
        for each in found.values() if isinstance(found, dict) else found:
            yield from _leaves(each)
    elif isinstance(found, int | float) and not isinstance(found, bool):
        yield found


def test_nobody_is_named(packed: zipfile.ZipFile, person: Person) -> None:
    for name in packed.namelist():
        content = packed.read(name)
        read = content.decode() if not name.endswith("pdf") else text_of(content)
        for word in (*NAMES, person.pseudonym, "a test of the dossier"):
            assert word not in read, (name, word)


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def test_the_paper_opens_and_says_what_the_page_says(packed: zipfile.ZipFile) -> None:
    for language in LANGUAGES:
        printed = PdfReader(io.BytesIO(packed.read(f"dossier.{language}.pdf")))
        assert printed.metadata is not None
        assert printed.metadata.title == words(language)["title"]
        assert 4 < len(printed.pages) < 30
        read = text_of(packed.read(f"dossier.{language}.pdf"))
        headings = re.findall(r"<h[23]>(.*?)</h[23]>", pages(packed)[language])
        assert len(headings) > 25
        for heading in headings:
            assert heading.split()[0] in read, heading
    assert "http" not in re.sub(r"https?://json-schema\S*", "", pages(packed)["es"]), "nothing from elsewhere"


def test_both_languages_have_the_same_sections_and_cells(packed: zipfile.ZipFile) -> None:
    facts = json.loads(packed.read("facts.json"))
    spanish, english = (lay_out(facts, language).sections for language in LANGUAGES)
    assert [[_shape(block) for block in each.blocks] for each in spanish] == [
        [_shape(block) for block in each.blocks] for each in english
    ]
    assert sum(one.title == other.title for one, other in zip(spanish, english, strict=True)) <= 1, "translated"


def _shape(block: object) -> object:
    return (len(block.header), len(block.rows), block.widths) if isinstance(block, Grid) else "text"


def test_an_untouched_installation_has_one_too_for_the_privacy_officer(
    control: Control, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("privacy"))
    done = CliRunner().invoke(app, ["privacy", "dossier", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "dossier.en.html", "dossier.en.pdf", "dossier.es.html", "dossier.es.pdf", "facts.json",
    ]  # fmt: skip
    assert all(file.stat().st_mode & 0o077 == 0 for file in (tmp_path / "out").iterdir())
    said, facts = (tmp_path / "out/dossier.en.html").read_text(), json.loads((tmp_path / "out/facts.json").read_text())
    for key in ("no_sites", "no_model", "no_alerts", "no_changes", "no_rollouts", "no_notices"):
        assert words("en")[key] in said, "nothing was done here, and that is said"
    assert words("en")["confirm"] in said
    assert set(STATEMENTS) | {"retention", "routes", "grants"} <= set(facts["sources"])
    for role in ("operator", "hr", "safety", "ml"):
        assert control.as_role(role).post("/v1/privacy/dossier").status_code == 403
    entries = control.admin.get("/v1/audit", params={"action": "privacy.dossier"}).json()["items"]
    assert len(entries) == 1
    assert datetime.fromisoformat(entries[0]["at"]) > datetime.now(UTC) - timedelta(minutes=5)
