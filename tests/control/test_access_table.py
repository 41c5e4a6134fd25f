"""docs/privacy.md says who may do what, and that is what the API and the database do."""

from pathlib import Path

import pytest

from support import access_table
from support.control import Control
from support.database import Database

pytestmark = pytest.mark.db

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")


def differences(should: list[str]) -> str:
    missing = [line for line in should if line not in PAGE.splitlines()]
    return "docs/privacy.md lacks these lines of its tables:\n" + "\n".join(missing) if missing else ""


def test_every_route_stands_in_the_table_with_its_roles(control: Control) -> None:
    document = control.as_role(None).get("/openapi.json").json()
    should = access_table.routes(document)
    assert differences(should) == ""
    named = [word for line in PAGE.splitlines() if line.startswith("| ") for word in line.split("`") if " /" in word]
    assert sorted(named) == sorted(word for line in should for word in line.split("`") if " /" in word)


def test_every_grant_on_people_stands_in_the_table(database: Database) -> None:
    assert differences(access_table.grants(database.url("owner"))) == ""


def test_no_dashboard_reads_a_table_about_people(database: Database) -> None:
    for line in access_table.grants(database.url("owner")):
        assert line.endswith("| – | – | – |"), line
