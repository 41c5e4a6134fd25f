"""What no role of ours can do in the database, tried by raw SQL with every limit lifted that a session can lift."""

import psycopg
import pytest
from psycopg import errors

from stressvision_store import roles
from support.database import Database

pytestmark = pytest.mark.db

OURS = (*roles.SERVICES, *roles.DASHBOARDS)
STATEMENTS = (
    "CREATE TEMP TABLE mine (n int)",
    "CREATE FUNCTION pg_temp.leak(t text) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE TABLE public.mine (n int)",
    "CREATE TABLE hr.mine (n int)",
    "CREATE SCHEMA mine",
    "CREATE EXTENSION pg_trgm SCHEMA pg_catalog",
    "CREATE FUNCTION hr.leak() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'",
    "CREATE OR REPLACE VIEW hr.group_shifts AS SELECT * FROM public.employees",
    "ALTER VIEW hr.group_shifts RESET (security_barrier)",
    "DROP TABLE public.events",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/leak'",
    "SELECT pg_read_file('/etc/hostname')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/hostname')",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_statistic",
    "ALTER SYSTEM SET log_statement = 'all'",
    "ALTER ROLE stressvision_owner PASSWORD 'mine'",
    "CREATE ROLE mine",
    "GRANT stressvision_owner TO CURRENT_USER",
    "SET SESSION AUTHORIZATION stressvision_owner",
    "ALTER TABLE public.audit DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
)


@pytest.mark.parametrize("role", OURS)
def test_no_role_makes_becomes_or_reads_what_is_not_its_own(database: Database, role: str) -> None:
    others = [f"SET ROLE {other}" for other in (roles.OWNER, *OURS) if other != role]
    let_through = []
    with psycopg.connect(database.url(role), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in (*STATEMENTS, *others):
            try:
                connection.execute(statement)
            except errors.InsufficientPrivilege:
                continue
            except psycopg.Error as error:
                let_through.append(f"{statement}: {error}")
            else:
                let_through.append(statement)

    assert let_through == []


@pytest.mark.parametrize("role", OURS)
def test_no_role_ends_anothers_session(database: Database, role: str) -> None:
    with psycopg.connect(database.url("owner")) as owner, psycopg.connect(database.url(role)) as connection:
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("SELECT pg_terminate_backend(%s)", [owner.info.backend_pid])
        assert owner.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("role", roles.DASHBOARDS)
def test_a_dashboard_begins_with_limits(database: Database, role: str) -> None:
    with psycopg.connect(database.url(role)) as connection:
        limits = connection.execute(
            "SELECT rolconnlimit, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, "
            "current_setting('statement_timeout'), current_setting('default_transaction_read_only') "
            "FROM pg_roles WHERE rolname = current_user"
        ).fetchone()

    assert limits == (20, False, False, False, False, "15s", "on")


@pytest.mark.parametrize("role", roles.DASHBOARDS)
def test_a_dashboard_sees_nothing_of_what_others_ask(database: Database, role: str) -> None:
    with psycopg.connect(database.url("owner")), psycopg.connect(database.url(role)) as connection:
        seen = connection.execute(
            "SELECT DISTINCT query FROM pg_stat_activity WHERE usename <> current_user AND datname = current_database()"
        ).fetchall()

    assert seen == [("<insufficient privilege>",)]
