"""docs/privacy.md says who may do what, and that is what the API and the database do."""

from pathlib import Path

import pytest

from support import access_table
from support.control import Control
from support.database import TEMPLATE, Cluster, create_database, drop_database

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


@pytest.fixture(scope="module")
def lines(request: pytest.FixtureRequest) -> list[str]:
    """What each role can do by SQL of its own, as lines of the table."""
    cluster: Cluster = request.getfixturevalue("cluster")
    database = create_database(cluster, "accessed", TEMPLATE)
    request.addfinalizer(lambda: drop_database(cluster, database))
    return access_table.grants(database)


def test_what_each_role_can_do_by_sql_stands_in_the_table(lines: list[str]) -> None:
    are = [
        line for line in PAGE.splitlines() if line.count(" | ") == len(access_table.ROLES) and line.startswith("| `")
    ]
    assert differences(lines, are) == ""


@pytest.mark.parametrize(("place", "schema"), [(4, "hr"), (5, "safety"), (6, "ops")])
def test_a_dashboard_reads_views_of_its_own_and_nothing_else(lines: list[str], place: int, schema: str) -> None:
    may = [line.strip("| ").split(" | ") for line in lines if line.strip("| ").split(" | ")[place] != "–"]
    assert may
    for names, *said in may:
        assert said[place - 1] == "r"
        assert all(name.startswith(f"`{schema}.") for name in names.split())
