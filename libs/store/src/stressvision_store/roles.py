"""The login roles of the platform, made from the URLs that name them. What each may do is granted by the migrations."""

from collections.abc import Mapping
from typing import cast

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from stressvision_store.locks import Lock

OWNER = "stressvision_owner"
INGEST = "stressvision_ingest"
CONTROL = "stressvision_control"
WORKER = "stressvision_worker"
GRAFANA_HR = "grafana_hr"
GRAFANA_SAFETY = "grafana_safety"
GRAFANA_OPS = "grafana_ops"

SERVICES = (INGEST, CONTROL, WORKER)
DASHBOARDS = (GRAFANA_HR, GRAFANA_SAFETY, GRAFANA_OPS)

URL_VARIABLES: Mapping[str, str] = {
    OWNER: "STRESSVISION_OWNER_DATABASE_URL",
    INGEST: "STRESSVISION_INGEST_DATABASE_URL",
    CONTROL: "STRESSVISION_CONTROL_DATABASE_URL",
    WORKER: "STRESSVISION_WORKER_DATABASE_URL",
    GRAFANA_HR: "GRAFANA_HR_DATABASE_URL",
    GRAFANA_SAFETY: "GRAFANA_SAFETY_DATABASE_URL",
    GRAFANA_OPS: "GRAFANA_OPS_DATABASE_URL",
}
"""Where the environment says how each role logs in."""

DASHBOARD_LIMITS = (
    "CONNECTION LIMIT 20",
    "SET statement_timeout = '15s'",
    "SET default_transaction_read_only = on",
)
"""So that a dashboard cannot exhaust the server. Only the first holds against a session that wants to lift it."""


def password_of(url: str, role: str) -> str:
    """The password in `url`; raise `ValueError` when the URL names another role or has none."""
    parts = make_url(url)
    if parts.username != role:
        raise ValueError(f"{URL_VARIABLES[role]} logs in as {parts.username!r}; it must be {role!r}")
    if not parts.password:
        raise ValueError(f"{URL_VARIABLES[role]} has no password; put one after {role}:")
    return str(parts.password)


def ensure_roles(owner_url: str, passwords: Mapping[str, str]) -> None:
    """Make each role that is missing and set every password. The owner needs CREATEROLE. Idempotent.

    Passwords leave this process only as SCRAM verifiers, so none can end in a server's log.
    """
    with psycopg.connect(owner_url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (Lock.ROLES.value,))
        for role, password in passwords.items():
            _ensure_role(connection, role, password)
        _restrict_database(connection, passwords)


def _ensure_role(connection: psycopg.Connection[tuple[object, ...]], role: str, password: str) -> None:
    known = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).fetchone() is not None
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = (
        "ALTER ROLE {} LOGIN PASSWORD {}"
        if known
        else "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}"
    )
    connection.execute(sql.SQL(statement).format(sql.Identifier(role), sql.Literal(verifier)))
    if role in DASHBOARDS:
        for limit in DASHBOARD_LIMITS:
            connection.execute(sql.SQL("ALTER ROLE {} {}").format(sql.Identifier(role), sql.SQL(limit)))
        # so that the owner's function may end a session that lifted its own time limit
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(role)))


def restrict_database(owner_url: str, roles: Mapping[str, str]) -> None:
    """Let only our roles into the database. Not copied from a template database, so a clone needs it again."""
    with psycopg.connect(owner_url) as connection:
        _restrict_database(connection, roles)


def _restrict_database(connection: psycopg.Connection[tuple[object, ...]], roles: Mapping[str, str]) -> None:
    (name,) = cast("tuple[str]", connection.execute("SELECT current_database()").fetchone())
    database = sql.Identifier(name)
    connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(database))
    connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    for role in roles:
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, sql.Identifier(role)))
