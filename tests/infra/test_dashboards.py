import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import register_dataquery_variant
from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.access.wishes import AUDIENCES
from grafana.generate import queries, writing
from stressvision_contracts.labels import COMPANY5
from stressvision_store.alerts import wilson
from support.database import Cluster, Database, create_database, drop_database
from support.grafana import dashboards, expand, expressions, panels, statements
from support.looks import look_at_everybody
from support.metric_names import exposed, named_in
from support.model_days import use_model
from support.publication import publish
from support.rollups import fill

PROVISIONING = Path(writing.__file__).parents[1] / "provisioning"
DAYS = 35
BOARDS = dashboards()
EACH_BOARD = pytest.mark.parametrize("board", BOARDS.values(), ids=list(BOARDS))


def test_committed_files_are_what_the_code_makes(tmp_path: Path) -> None:
    writing.write(tmp_path)

    made = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.glob("*/*.json")}
    committed = {name: (writing.FOLDER / name).read_text() for name in BOARDS}

    assert made == committed, "run `PYTHONPATH=infra python -m grafana.generate`"


@EACH_BOARD
def test_grafanas_own_types_read_every_field(board: dict[str, Any]) -> None:
    register_default_plugins()
    register_dataquery_variant(queries.postgres_variant())

    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))

    assert again == board


def test_uids_never_change() -> None:
    assert {name: board["uid"] for name, board in BOARDS.items()} == {
        "hr/groups.json": "stressvision-groups",
        "hr/home.json": "stressvision-home",
        "hr/site.json": "stressvision-site",
        "operations/fleet.json": "stressvision-fleet",
        "operations/operations.json": "stressvision-operations",
        "operations/quality.json": "stressvision-quality",
        "operations/training.json": "stressvision-training",
        "safety/person.json": "stressvision-person",
    }


@EACH_BOARD
def test_every_panel_has_a_number_of_its_own(board: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in board["panels"]]

    assert len(set(numbers)) == len(numbers)


@EACH_BOARD
def test_other_dashboards_of_the_audience_are_one_click_away(board: dict[str, Any]) -> None:
    for link in board["links"]:
        assert (link["includeVars"], link["keepTime"]) == (True, True)
    assert board["links"][0]["tags"] == board["tags"]


@EACH_BOARD
def test_every_panel_says_what_it_shows_in_both_languages(board: dict[str, Any]) -> None:
    assert board["editable"] is False
    for panel in panels(board):
        assert " / " in panel["title"], panel["title"]
        assert " / " in panel["description"], panel["title"]
        if panel["type"] != "text":
            defaults = panel["fieldConfig"]["defaults"]
            assert defaults["unit"], panel["title"]
            assert defaults["noValue"] == "sin datos suficientes / not enough data", panel["title"]


@EACH_BOARD
def test_series_that_only_the_data_name_are_told_apart_without_colour(board: dict[str, Any]) -> None:
    for panel in panels(board):
        if any(" AS metric" in target.get("rawSql", "") for target in panel.get("targets", [])):
            matchers = [override["matcher"] for override in panel["fieldConfig"]["overrides"]]
            letters = {matcher["options"] for matcher in matchers if matcher["id"] == "byRegexp"}
            known = {matcher["options"] for matcher in matchers if matcher["id"] == "byName"}
            assert "/^Ⓐ/" in letters or known == set(COMPANY5), panel["title"]


@EACH_BOARD
def test_panels_do_not_overlap(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@EACH_BOARD
def test_method_and_limits_are_stated(board: dict[str, Any]) -> None:
    texts = [panel["options"]["content"] for panel in panels(board) if panel["type"] == "text"]

    assert any("**Español.**" in text and "**English.**" in text for text in texts)


@EACH_BOARD
def test_data_sources_are_named_by_uid(board: dict[str, Any]) -> None:
    provisioned = yaml.safe_load((PROVISIONING / "datasources" / "datasources.yml").read_text())
    known = {source["uid"]: source["type"] for source in provisioned["datasources"]}
    known |= {uid: queries.POSTGRES for audience in AUDIENCES for uid in audience.sources}
    for panel in panels(board):
        for target in panel.get("targets", []):
            assert known[target["datasource"]["uid"]] == target["datasource"]["type"]


def test_every_folder_of_dashboards_has_an_audience() -> None:
    folders = {folder.name: folder.uid for audience in AUDIENCES for folder in audience.folders}
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "dashboards.yml").read_text())["providers"]

    assert set(folders) == {path.name for path in writing.FOLDER.iterdir()}
    assert folders[Path(provider["options"]["path"]).name] == provider["folderUid"]
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"]


def test_groups_have_no_person_and_no_ranking() -> None:
    for statement in statements():
        if statement.role == "grafana_hr":
            assert "pseudonym" not in statement.text, statement
            assert " DESC" not in statement.text, statement
            assert "LIMIT" not in statement.text, statement


def test_every_choice_is_quoted() -> None:
    for statement in statements():
        for name in ("site", "area", "shift", "person", "model", "run"):
            assert f"${name}" not in statement.text, statement


@pytest.fixture(scope="module")
def plant(cluster: Cluster) -> Iterator[Database]:
    """Five weeks of 240 people, published and over since two days ago; a look at three; a model in use."""
    made = create_database(cluster, "dashboards_plant", "stressvision_template")
    with psycopg.connect(made.url("owner")) as connection:
        fill(connection, employees=240, days=DAYS, last=datetime.now(UTC).date() - timedelta(days=2), every=4)
        look_at_everybody(connection, most=3)
        use_model(connection, days=DAYS)
    publish(made)
    yield made
    drop_database(cluster, made)


@pytest.fixture(scope="module")
def choices(plant: Database) -> dict[str, list[str]]:
    """What the dashboards' own variables offer."""
    found: dict[str, list[str]] = {}
    now = datetime.now(UTC)
    for statement in statements():
        if statement.panel.startswith("$"):
            with psycopg.connect(plant.url(statement.role)) as connection:
                sql = expand(statement.text, found, now, now)
                rows = connection.execute(sql.encode()).fetchall()
                found[statement.panel[1:]] = [str(row[0]) for row in rows] or [""]  # as Grafana fills in nothing
    for name in ("person", "model", "run"):
        found[name] = found[name][:1]
    return found


FULL = {f"stressvision-{name}" for name in ("home", "site", "groups", "person", "quality")}
"""Dashboards that have something in each panel over a full plant; marks come from changes, and there are none."""

SQL = [statement for statement in statements() if not statement.panel.startswith("$")]


@pytest.mark.db
@pytest.mark.parametrize("statement", SQL, ids=str)
def test_every_statement_runs_as_its_role(plant: Database, choices: dict[str, list[str]], statement: Any) -> None:
    now = datetime.now(UTC)
    sql = expand(statement.text, choices, now - timedelta(days=28), now)

    with psycopg.connect(plant.url(statement.role)) as connection:
        cursor = connection.execute(sql.encode())
        rows = cursor.fetchall()

    assert cursor.description is not None
    names = [column.name for column in cursor.description]
    if statement.dashboard in FULL and not statement.panel.startswith("@"):
        assert rows, "nothing to show over a full plant"
        assert any(value is not None for row in rows for value in row)
    if "time" in names:
        assert names[0] == "time"
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)


@pytest.mark.db
def test_every_statement_answers_over_an_empty_database(database: Database) -> None:
    now = datetime.now(UTC)
    nothing = {name: [""] for name in ("site", "area", "shift", "person", "run", "model")}
    for statement in statements():
        with psycopg.connect(database.url(statement.role)) as connection:
            connection.execute(expand(statement.text, nothing, now - timedelta(days=28), now).encode())


@pytest.mark.db
def test_the_night_shift_shows_its_tiredness(plant: Database) -> None:
    with psycopg.connect(plant.url("grafana_hr")) as connection:
        rows = connection.execute("SELECT shift, avg(fatigue_share)::float FROM hr.group_shifts GROUP BY 1").fetchall()
    by_shift = dict(rows)

    assert by_shift["Noche"] > by_shift["Mañana"] + 0.05


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool on this machine")
def test_every_expression_is_promql(tmp_path: Path) -> None:
    rules = [{"record": f"check:{place}", "expr": rendered(item.text)} for place, item in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": rules}]}))

    done = subprocess.run(["promtool", "check", "rules", str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr + done.stdout


def test_every_metric_named_is_one_that_our_processes_show() -> None:
    for expression in expressions():
        unknown = named_in(expression.text) - exposed()
        assert not unknown, f"{expression}: {unknown}"


def rendered(expression: str) -> str:
    """With Grafana's own variable replaced."""
    return expression.replace("$__rate_interval", "1m")


def test_the_rules_interval_on_the_dashboard_is_the_commands(database: Database) -> None:
    (panel,) = [each for each in statements() if each.panel.startswith("Aciertos de la regla")]
    with psycopg.connect(database.url("owner")) as connection:
        connection.execute(
            "INSERT INTO devices (public_key, hostname, hardware, agent_version) VALUES ('a', 'pi', 'Pi 5', '1')"
        )
        connection.execute(
            "INSERT INTO alerts (rule, rule_version, episode_id, condition, device_id, model_version, coverage_ppm, "
            "started_at, opened_at, received_at, state, outcome, key) "
            "SELECT 'r', '1', gen_random_uuid(), 'fatigue', 1, 'm', 1, now(), now(), now(), 'closed', "
            "CASE WHEN n <= 15 THEN 'true' ELSE 'false' END, n "
            "FROM generate_series(1, 20) n"
        )
    with psycopg.connect(database.url("grafana_ops")) as connection:
        row = connection.execute(panel.text).fetchone()  # type: ignore[call-overload]

    assert row is not None
    assert row[5:] == pytest.approx((0.75, *wilson(15, 20)), abs=1e-4)
