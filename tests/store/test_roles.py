import psycopg
import pytest
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from sqlalchemy import make_url

from stressvision_store import roles
from support.database import Database

pytestmark = pytest.mark.db

EVERYTHING = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
MAY_NOT_READ = {
    "ingest": {"employee_names", "employees", "api_tokens", "audit", "consents", "check_ins", "rollup_windows"},
    "worker": {"employee_names", "api_tokens", "audit"},
    "control": set(),
}
MAY_NOT_CHANGE = {
    "ingest": {"events": "DELETE FROM events", "sites": "UPDATE sites SET name = 'x'"},
    "worker": {"events": "DELETE FROM events", "assignments": "DELETE FROM assignments"},
    "control": {"events": "UPDATE events SET kind = 1", "audit": "DELETE FROM audit"},
}


@pytest.mark.parametrize("role", MAY_NOT_READ)
def test_services_read_what_they_need_and_no_more(database: Database, role: str) -> None:
    with psycopg.connect(database.url(role), autocommit=True) as connection:
        for table in MAY_NOT_READ[role]:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))


@pytest.mark.parametrize("role", MAY_NOT_CHANGE)
def test_services_change_what_they_own_and_no_more(database: Database, role: str) -> None:
    with psycopg.connect(database.url(role), autocommit=True) as connection:
        for statement in MAY_NOT_CHANGE[role].values():
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


@pytest.mark.parametrize("role", roles.DASHBOARDS)
def test_dashboards_read_no_table_at_all(database: Database, role: str) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as owner:
        tables = [name for (name,) in owner.execute(EVERYTHING)]
    with psycopg.connect(database.url(role), autocommit=True) as connection:
        for table in tables:
            with pytest.raises(InsufficientPrivilege):
                connection.execute(sql.SQL("SELECT * FROM public.{}").format(sql.Identifier(table)))


@pytest.mark.parametrize("role", [*roles.SERVICES, *roles.DASHBOARDS])
def test_no_role_makes_objects_of_its_own(database: Database, role: str) -> None:
    with psycopg.connect(database.url(role), autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for statement in ("CREATE TABLE public.mine (a int)", "CREATE TEMP TABLE mine (a int)", "CREATE SCHEMA mine"):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


def test_a_new_password_holds_after_the_next_upgrade(database: Database) -> None:
    url = make_url(database.url("worker"))
    try:
        roles.ensure_roles(database.url("owner"), {roles.WORKER: "another-one"})
        changed = url.set(password="another-one").render_as_string(hide_password=False)
        psycopg.connect(changed).close()
        with pytest.raises(psycopg.OperationalError, match="authentication failed"):
            psycopg.connect(database.url("worker"))
    finally:
        roles.ensure_roles(database.url("owner"), {roles.WORKER: str(url.password)})


@pytest.mark.parametrize(
    ("url", "fault"),
    [("postgresql://someone:x@h/d", "someone"), ("postgresql://stressvision_worker@h/d", "no password")],
)
def test_a_url_that_names_the_wrong_role_or_no_password_is_refused(url: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        roles.password_of(url, roles.WORKER)
