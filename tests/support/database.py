"""A migrated database for each test: cloned from a template that the real migrations made once."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, make_url

from stressvision_store import cli, roles
from stressvision_store.session import create_engine

TEMPLATE = "stressvision_template"


def url_of(admin_url: str, database: str, role: str, password: str) -> str:
    """The URL by which `role` reaches `database` on the cluster of `admin_url`."""
    url = make_url(admin_url).set(database=database, username=role, password=password)
    return url.render_as_string(hide_password=False)


@dataclass(frozen=True)
class Cluster:
    """A Postgres cluster with our roles in it; `passwords` by role."""

    admin_url: str
    passwords: dict[str, str]

    def urls(self, database: str) -> dict[str, str]:
        return {role: url_of(self.admin_url, database, role, word) for role, word in self.passwords.items()}

    def execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@dataclass
class Database:
    """One database. `url(role)` takes a role's full name or its short one: owner, ingest, control, worker."""

    name: str
    urls: dict[str, str]
    admin_url: str
    _engines: dict[str, Engine] = field(default_factory=dict)

    def url(self, role: str) -> str:
        return self.urls[role if role in self.urls else f"stressvision_{role}"]

    def engine(self, role: str = "owner") -> Engine:
        """An engine of the role's, disposed of with the test."""
        if role not in self._engines:
            self._engines[role] = create_engine(self.url(role), name=f"test-{role}")
        return self._engines[role]

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which our processes find this database."""
        return {roles.URL_VARIABLES[role]: url for role, url in self.urls.items()}

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()


def prepare_cluster(admin_url: str) -> Cluster:
    """Make the owner as `make up` does: it may create roles and databases and is no superuser.

    It makes the other roles itself (`cli.prepare`): since PostgreSQL 16 it could not change those of another.
    """
    passwords = {role: secrets.token_hex(8) for role in roles.URL_VARIABLES}
    with psycopg.connect(admin_url, autocommit=True) as connection:
        exists = connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (roles.OWNER,)).fetchone()
        connection.execute(
            sql.SQL("{} ROLE {} LOGIN CREATEROLE CREATEDB PASSWORD {}").format(
                sql.SQL("ALTER" if exists else "CREATE"),
                sql.Identifier(roles.OWNER),
                sql.Literal(passwords[roles.OWNER]),
            )
        )
    return Cluster(admin_url, passwords)


def create_database(cluster: Cluster, name: str, template: str | None = None) -> Database:
    """An empty database of the owner's, or a copy of `template`."""
    if template is None:
        cluster.execute("CREATE DATABASE {} OWNER {}", name, roles.OWNER)
    else:
        cluster.execute("CREATE DATABASE {} OWNER {} TEMPLATE {}", name, roles.OWNER, template)
    database = Database(
        name, cluster.urls(name), make_url(cluster.admin_url).set(database=name).render_as_string(hide_password=False)
    )
    if template is not None:
        roles.restrict_database(database.url(roles.OWNER), cluster.passwords)
    return database


def drop_database(cluster: Cluster, database: Database) -> None:
    database.dispose()
    cluster.execute("DROP DATABASE {} WITH (FORCE)", database.name)


@pytest.fixture(scope="session")
def cluster(postgres_url: str) -> Cluster:
    """The session's Postgres with our roles, and the migrated template."""
    made = prepare_cluster(postgres_url)
    cli.prepare(create_database(made, TEMPLATE).urls)
    return made


@pytest.fixture
def empty_database(cluster: Cluster) -> Iterator[Database]:
    """Nothing in it, not even tables."""
    database = create_database(cluster, f"empty_{secrets.token_hex(4)}")
    yield database
    drop_database(cluster, database)


@pytest.fixture
def database(cluster: Cluster) -> Iterator[Database]:
    """Migrated, with partitions around today, otherwise empty."""
    database = create_database(cluster, f"test_{secrets.token_hex(4)}", TEMPLATE)
    yield database
    drop_database(cluster, database)
