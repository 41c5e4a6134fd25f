"""What each dashboard role may not read, make or become, by sending its own SQL."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import errors

from support.database import Database
from support.raw_access import ask
from support.rollups import fill

pytestmark = pytest.mark.db

YESTERDAY = datetime.now(UTC).date() - timedelta(days=2)
DASHBOARDS = ("grafana_hr", "grafana_safety", "grafana_ops")


@pytest.mark.parametrize("role", DASHBOARDS)
def test_no_role_reads_a_table(database: Database, role: str) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'S')"
        ).fetchall()
    assert len(tables) > 30
    for (table,) in tables:
        with pytest.raises(errors.InsufficientPrivilege):
            ask(database, role, f"SELECT * FROM public.{table}")


@pytest.mark.parametrize(
    ("role", "schema"), [("grafana_hr", "hr"), ("grafana_safety", "safety"), ("grafana_ops", "ops")]
)
def test_a_role_reads_its_own_schema_only(database: Database, role: str, schema: str) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        views = connection.execute(
            "SELECT schemaname, viewname FROM pg_views WHERE schemaname IN ('hr', 'safety', 'ops')"
        ).fetchall()
    assert {name for name, _ in views} == {"hr", "safety", "ops"}
    for name, view in views:
        if name == schema:
            ask(database, role, f"SELECT * FROM {name}.{view}")
        else:
            with pytest.raises(errors.InsufficientPrivilege):
                ask(database, role, f"SELECT * FROM {name}.{view}")


FORBIDDEN = (
    "CREATE TEMP TABLE mine (n int)",
    "CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE TABLE public.mine (n int)",
    "CREATE SCHEMA mine",
    "SET ROLE stressvision_owner",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT * FROM pg_authid",
    "SELECT public.ensure_event_partitions(current_date, current_date)",
    "SELECT public.drop_oldest_event_partition(current_date)",
    "COPY (SELECT 1) TO PROGRAM 'true'",
)


@pytest.mark.parametrize("role", DASHBOARDS)
def test_no_role_makes_or_becomes_anything(database: Database, role: str) -> None:
    for statement in FORBIDDEN:
        with pytest.raises(errors.InsufficientPrivilege):
            ask(database, role, statement)


@pytest.mark.parametrize("role", DASHBOARDS)
def test_a_dashboard_cannot_exhaust_the_server(database: Database, role: str) -> None:
    limits = ask(
        database,
        role,
        "SELECT rolconnlimit, current_setting('statement_timeout') FROM pg_roles WHERE rolname = current_user",
    )

    assert limits == [(20, "15s")]


@pytest.mark.parametrize("role", DASHBOARDS)
def test_no_role_writes_through_a_view(database: Database, role: str) -> None:
    schema = role.removeprefix("grafana_")
    view = {"hr": "sites", "safety": "people", "ops": "partitions"}[schema]
    with pytest.raises((errors.InsufficientPrivilege, errors.ObjectNotInPrerequisiteState)):
        ask(database, role, f"DELETE FROM {schema}.{view}")


def test_statistics_of_columns_stay_hidden(database: Database) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        fill(connection, employees=60, days=2, last=YESTERDAY)

    assert ask(database, "grafana_hr", "SELECT * FROM pg_stats WHERE schemaname = 'public'") == []


def test_no_view_shows_a_name(database: Database) -> None:
    with psycopg.connect(database.url("owner")) as connection:
        columns = connection.execute(
            "SELECT DISTINCT d.refobjid::regclass::text FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
            "JOIN pg_class c ON c.oid = r.ev_class WHERE c.relkind = 'v' AND d.refclassid = 'pg_class'::regclass"
        ).fetchall()
    names = {name for (name,) in columns}
    assert "employees" in names
    assert not names & {"employee_names", "api_tokens", "audit", "enrolment_codes"}
