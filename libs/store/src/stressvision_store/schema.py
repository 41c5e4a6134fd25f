"""The schema's versions: up, down, and whether the database is what the tables say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import SQLModel

from stressvision_store import (
    alert_tables,
    fleet_tables,
    model_tables,
    personal_tables,
    privacy_tables,
    publication_tables,
    rollout_tables,
    tables,
    training_tables,
    workforce_tables,
)
from stressvision_store.locks import Lock
from stressvision_store.session import create_engine

METADATA = SQLModel.metadata
TABLE_MODULES = (
    tables,
    workforce_tables,
    fleet_tables,
    model_tables,
    rollout_tables,
    training_tables,
    privacy_tables,
    alert_tables,
    personal_tables,
    publication_tables,
)
"""Named so that importing this module fills `METADATA`."""

LOCK_TIMEOUT = "10s"
"""A migration that waits longer for a table gives up rather than queue every writer behind it."""


def is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    """False for the daily partitions: they are made and dropped by the clock, not by migrations."""
    return not (kind == "table" and name is not None and name.startswith("events_"))


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "stressvision_store:migrations")
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(owner_url: str) -> Iterator[Connection]:
    """A fresh connection of the owner's, while no other migration runs. Alembic commits each migration itself."""
    engine = create_engine(owner_url, pool_size=1, name="stressvision-store", options=f"-c lock_timeout={LOCK_TIMEOUT}")
    try:
        with psycopg.connect(owner_url, autocommit=True) as guard, engine.connect() as connection:
            guard.execute("SELECT pg_advisory_lock(%s)", (Lock.MIGRATIONS.value,))
            yield connection
    finally:
        engine.dispose()


def _migrate(owner_url: str, revision: str, step: Callable[[Config, str], None]) -> str | None:
    with _alone(owner_url) as connection:
        step(_config(connection), revision)
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(owner_url: str, revision: str = "head") -> str | None:
    """Bring the schema to `revision`; return the revision reached. The login roles must exist."""
    return _migrate(owner_url, revision, command.upgrade)


def downgrade(owner_url: str, revision: str) -> str | None:
    """Take the schema back to `revision` (`base` for nothing at all); return the revision reached."""
    return _migrate(owner_url, revision, command.downgrade)


def head() -> str | None:
    """The newest revision that this package brings."""
    config = Config()
    config.set_main_option("script_location", "stressvision_store:migrations")
    return ScriptDirectory.from_config(config).get_current_head()


def state(owner_url: str) -> tuple[str | None, list[str]]:
    """The revision of the database, and each way in which its tables differ from ours."""
    with _alone(owner_url) as connection:
        context = MigrationContext.configure(connection, opts={"include_name": is_ours, "compare_server_default": True})
        revision = context.get_current_revision()
        differences = [repr(difference) for difference in compare_metadata(context, METADATA)]
        return revision, differences
