import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from stressvision_store import roles, schema
from stressvision_store.cli import app
from support.database import Database

pytestmark = pytest.mark.db

runner = CliRunner()


def test_upgrade_makes_a_bare_database_ready_and_says_what_it_did(empty_database: Database) -> None:
    result = runner.invoke(app, ["upgrade", "--json"], env=empty_database.environment)

    assert result.exit_code == 0, result.output
    said = json.loads(result.output)
    assert said["revision"] == schema.head()
    assert set(said["roles"]) == {*roles.SERVICES, *roles.DASHBOARDS}
    assert said["partitions_made"] > 0


def test_check_is_content_with_the_newest_schema_only(database: Database) -> None:
    result = runner.invoke(app, ["check", "--json"], env=database.environment)
    assert (result.exit_code, json.loads(result.output)["sound"]) == (0, True)

    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE devices ADD COLUMN spare integer"))

    result = runner.invoke(app, ["check", "--json"], env=database.environment)
    assert result.exit_code == 1
    assert "spare" in json.loads(result.output)["differences"][0]


def test_downgrade_takes_everything_away(database: Database) -> None:
    result = runner.invoke(app, ["downgrade", "base", "--json"], env=database.environment)

    assert result.exit_code == 0, result.output
    assert json.loads(result.output) == {"revision": None}


def test_missing_urls_are_named(database: Database) -> None:
    bare = dict.fromkeys(roles.URL_VARIABLES.values(), "")

    result = runner.invoke(app, ["upgrade"], env=bare)

    assert result.exit_code == 2
    assert "GRAFANA_HR_DATABASE_URL" in result.output.replace("\n", "")
