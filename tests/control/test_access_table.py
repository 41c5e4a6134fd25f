"""docs/privacy.md says who may do what, and that is what the API and the database do."""

from pathlib import Path

import pytest

from support import access_table
from support.control import Control
from support.database import Database

pytestmark = pytest.mark.db

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")


def differences(should: list[str], are: list[str]) -> str:
    """What to do to docs/privacy.md so that its lines `are` what they `should` be."""
    out, into = [line for line in are if line not in should], [line for line in should if line not in are]
    return "\n".join([*(f"take out: {line}" for line in out), *(f"put in: {line}" for line in into)])


def lines_with(mark: str) -> list[str]:
    return [line for line in PAGE.splitlines() if line.startswith("| ") and mark in line]


def test_every_route_stands_in_the_table_with_its_roles(control: Control) -> None:
    document = control.as_role(None).get("/openapi.json").json()
    assert differences(access_table.routes(document), lines_with(" /")) == ""


def test_every_grant_on_people_stands_in_the_table(database: Database) -> None:
    should = access_table.grants(database.url("owner"))
    are = [
        line for line in PAGE.splitlines() if line.count(" | ") == len(access_table.ROLES) and line.startswith("| `")
    ]
    assert differences(should, are) == ""


def test_no_dashboard_reads_a_table_about_people(database: Database) -> None:
    for line in access_table.grants(database.url("owner")):
        assert line.endswith("| – | – | – |"), line
