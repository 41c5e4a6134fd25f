import pytest
from sqlalchemy import text

from stressvision_store import cli, schema
from support.database import Database

pytestmark = pytest.mark.db


def test_migrated_schema_is_what_the_tables_say(database: Database) -> None:
    assert schema.state(database.url("owner")) == (schema.head(), [])


def test_a_difference_is_named(database: Database) -> None:
    with database.engine().begin() as connection:
        connection.execute(text("ALTER TABLE check_ins DROP COLUMN checked_out_at"))

    _, differences = schema.state(database.url("owner"))

    assert len(differences) == 1
    assert "checked_out_at" in differences[0]


def test_down_to_nothing_and_up_again(database: Database) -> None:
    assert schema.downgrade(database.url("owner"), "base") is None
    with database.engine().connect() as connection:
        left = connection.scalars(
            text("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')")
        ).all()
        functions = connection.scalars(
            text("SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace")
        ).all()
    assert left == ["alembic_version"]
    assert functions == []

    assert schema.upgrade(database.url("owner")) == schema.head()
    assert schema.state(database.url("owner")) == (schema.head(), [])


def test_preparing_twice_changes_nothing(empty_database: Database) -> None:
    first = cli.prepare(empty_database.urls)
    second = cli.prepare(empty_database.urls)

    assert first["revision"] == second["revision"] == schema.head()
    assert first["partitions_made"] == 38
    assert second["partitions_made"] == 0
