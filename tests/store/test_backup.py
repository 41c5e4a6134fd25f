"""Backups, and restores after which those who were erased stay erased, and a no stays a no."""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from stressvision_store import (
    audit_chain,
    backup,
    cli,
    consents,
    erasure,
    looks,
    objections,
    personal_links,
    profiles,
    publication,
    schema,
    tokens,
)  # fmt: skip
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
    written = json.loads(Path(f"{dump}.erasures.json").read_text())
    assert (dump.stat().st_mode & 0o077, written["erasures"], written["revocations"]["consents"]) == (0, [], [])
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


def test_a_restore_that_was_cut_off_forgets_nobody(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump = tmp_path / "sv.dump"
    store(person.database, "backup", str(dump))
    erase(person)
    with transaction(person.database.engine("control")) as session:
        profiles.change_profile(session, person.plant.sites[0], "fatigue_only", actor="Ana", reason=None)
    leave(person)
    with monkeypatch.context() as power:
        power.setattr(backup, "replay", lambda *_: (_ for _ in ()).throw(OSError("the power fails")))
        assert "the power fails" in store(person.database, "restore", str(dump), code=1).stderr
    assert count(person.database, "employees", f"id = {person.id}") == 1, "the dump has them"

    store(person.database, "restore", str(dump))

    assert count(person.database, "employees", f"id = {person.id}") == 0
    assert count(person.database, "sites", "profile = 'fatigue_only'") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "sv.dump", "sv.dump.before-restore.json", "sv.dump.erasures.json",
    ]  # fmt: skip


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

    assert json.loads(store(other, "replay", str(ledger), "--json").output) == {"erased_again": 1, "revoked_again": 0}
    assert json.loads(store(other, "replay", str(ledger), "--json").output) == {"erased_again": 0, "revoked_again": 0}

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


def take_back(person: Person, key: str) -> None:
    """A withdrawal, an objection, a revoked link and token, a narrower site."""
    with transaction(person.database.engine("control")) as session:
        consents.withdraw_all(session, person.id, withdrawn_at=datetime.now(UTC), by="employee")
        objections.raise_objection(session, person.plant.employees[1], words="I do not want this", actor="employee")
        link = personal_links.find_link(session, key)
        assert link is not None
        personal_links.revoke_link(session, link.id or 0, actor="Ana")
        tokens.revoke_token(session, 1)
        profiles.change_profile(session, person.plant.sites[0], "fatigue_only", actor="Ana", reason=None)
    with transaction(person.database.engine("worker")) as session:
        publication.keep_unpublished(session, {str(person.plant.sites[0]): ["2026-11-02"]})


@pytest.mark.parametrize("by_file", [False, True])
def test_what_was_taken_back_after_the_backup_stays_so(
    person: Person, other: Database, tmp_path: Path, by_file: bool
) -> None:
    with transaction(person.database.engine("control")) as session:
        _, key = personal_links.make_link(session, person.id, days=30, actor="Ana")
        _, token = tokens.create_token(session, name="Rosa", roles=["safety"], valid_for=None)
        looks.open_look(
            session, pseudonym=person.pseudonym, officer="Rosa", actor="Rosa", reason="a reason for it",
            lasting=timedelta(hours=8),
        )  # fmt: skip
    dump, ledger = tmp_path / "sv.dump", tmp_path / "erasures.json"
    store(person.database, "backup", str(dump))
    take_back(person, key)
    store(person.database, "erasures", str(ledger))
    assert "do not want" not in ledger.read_text(), "nobody's words"
    assert person.pseudonym not in ledger.read_text()
    leave(person)
    database = other if by_file else person.database

    done = store(database, "restore", str(dump), "--json", *(["--erasures", str(ledger)] if by_file else []))

    assert json.loads(done.output)["revoked_again"] == 6, "the look went with the withdrawal"
    assert count(database, "consents", f"employee_id = {person.id} AND withdrawn_at IS NULL") == 0
    assert count(database, "consenting", f"employee_id IN ({person.id}, {person.plant.employees[1]})") == 0
    assert count(database, "objections", "state = 'open' AND text NOT LIKE '%want%'") == 1
    assert count(database, "live_looks") == 0
    assert count(database, "sites", "profile = 'fatigue_only'") == 1
    assert count(database, "published_days", "shift_date = '2026-11-02'") == 1
    with transaction(database.engine("control")) as session:
        assert personal_links.find_link(session, key) is None
        assert tokens.find_token(session, token) is None
    check_chain(database)
    assert json.loads(store(database, "replay", str(ledger), "--json").output)["revoked_again"] == 0
