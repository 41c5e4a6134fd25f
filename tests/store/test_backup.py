"""Backups, and restores after which those who were erased stay erased."""

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from stressvision_store import audit_chain, cli, erasure, schema
from stressvision_store.session import transaction
from support.database import Cluster, Database, create_database, drop_database
from support.person import MORNING, Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]


@pytest.fixture
def other(cluster: Cluster) -> Iterator[Database]:
    """An empty database: the machine after the fire."""
    made = create_database(cluster, f"other_{secrets.token_hex(4)}")
    yield made
    drop_database(cluster, made)


def store(database: Database, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(cli.app, words, env=database.environment)
    assert result.exit_code == code, (result.output, result.stderr, result.exception)
    return result


def erase(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")


def leave(person: Person) -> None:
    """As when the services are stopped."""
    person.connection.close()
    person.database.dispose()


def count(database: Database, table: str, condition: str = "true") -> int:
    with psycopg.connect(database.url("owner")) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}").fetchone()
        return int(row[0])  # type: ignore[index]


def check_chain(database: Database) -> None:
    with transaction(database.engine("control")) as session:
        head = audit_chain.read_head(session)
        walk = audit_chain.Walk(head)
        walk.take(audit_chain.read_links(session, after=0, limit=10_000))
        walk.finish()
    database.dispose()


def test_who_was_erased_after_the_backup_stays_erased(person: Person, tmp_path: Path) -> None:
    dump = tmp_path / "sv.dump"
    store(person.database, "backup", str(dump))
    assert (dump.stat().st_mode & 0o077, json.loads(Path(f"{dump}.erasures.json").read_text())) == (0, {"erasures": []})
    erase(person)
    spans = person.count("erased_spans")
    leave(person)

    assert "erased_again: 1" in store(person.database, "restore", str(dump)).output

    database = person.database
    assert schema.state(database.url("owner")) == (schema.head(), [])
    assert count(database, "employees", f"id = {person.id}") == 0
    assert (
        count(database, "events", f"device_id = {person.device} AND started_at < '{MORNING}'::timestamptz + '1 h'") == 0
    )
    assert count(database, "erased_spans") == spans
    assert count(database, "employees") == 5
    check_chain(database)


def test_a_restore_elsewhere_needs_the_ledger(person: Person, other: Database, tmp_path: Path) -> None:
    dump, ledger = tmp_path / "sv.dump", tmp_path / "erasures.json"
    store(person.database, "backup", str(dump))
    erase(person)
    store(person.database, "erasures", str(ledger))

    assert "would come back" in store(other, "restore", str(dump), code=1).stderr
    store(other, "upgrade")
    assert "would come back" in store(other, "restore", str(dump), code=1).stderr, "new, it knows of no erasure either"
    store(other, "restore", str(dump), "--erasures", str(ledger))

    assert count(other, "employees", f"id = {person.id}") == 0
    with psycopg.connect(other.url("worker")) as connection:
        connection.execute("SELECT count(*) FROM events")


def test_a_restore_by_other_means_is_put_right_by_a_replay(person: Person, other: Database, tmp_path: Path) -> None:
    dump, ledger = tmp_path / "sv.dump", tmp_path / "erasures.json"
    store(person.database, "backup", str(dump))
    erase(person)
    store(person.database, "erasures", str(ledger))
    store(other, "restore", str(dump), "--no-erasures")
    assert count(other, "employees", f"id = {person.id}") == 1

    assert json.loads(store(other, "replay", str(ledger), "--json").output) == {"erased_again": 1}
    assert json.loads(store(other, "replay", str(ledger), "--json").output) == {"erased_again": 0}

    assert count(other, "employees", f"id = {person.id}") == 0


def test_nothing_is_touched_while_somebody_is_connected_or_for_a_file_that_is_none(
    person: Person, tmp_path: Path
) -> None:
    dump = tmp_path / "sv.dump"
    store(person.database, "backup", str(dump))
    person.database.dispose()
    assert "stop what uses the database" in store(person.database, "restore", str(dump), code=1).stderr
    (tmp_path / "false.dump").write_text("no dump")
    assert "pg_restore failed" in store(person.database, "restore", str(tmp_path / "false.dump"), code=1).stderr
    assert person.count("employees", id=person.id) == 1
