"""An objection stops attribution from its moment until it is decided, and says so in the ledger."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import errors
from sqlmodel import Session

from stressvision_store import access_export, consents, erasure, looks, objections, pictures
from stressvision_store.personal_tables import Objection
from stressvision_store.refusals import ConflictError, InvalidError
from stressvision_store.session import transaction
from support.person import MORNING, Person, person
from support.rollup_differences import wrong_rows
from support.training import drawn

pytestmark = pytest.mark.db
__all__ = ["person"]

WORDS = "I do not want to be watched while I work"
WHY = "the station is too near the canteen"
CONTENT = drawn("fatigue", 2)
HALF = MORNING + timedelta(minutes=30)


def act(person: Person, step: Callable[[Session], Objection]) -> int:
    """As the service's own role; then all is brought up to date."""
    with transaction(person.database.engine("control")) as session:
        number = step(session).id or 0
    person.drain()
    assert wrong_rows(person.database.url("owner")) == []
    return number


def object_at(person: Person, at: datetime | None = None) -> int:
    return act(
        person, lambda session: objections.raise_objection(session, person.id, words=WORDS, actor="employee", at=at)
    )


def decide(person: Person, number: int, decision: objections.Decision) -> int:
    return act(
        person, lambda session: objections.decide(session, number, decision=decision, reason=WHY, actor="Ana (token 3)")
    )


def attributed(person: Person) -> int:
    return person.count("rollup_windows", employee_id=person.id)


def test_nothing_is_attributed_from_its_moment_on(person: Person) -> None:
    object_at(person, HALF)

    assert attributed(person) == 6
    assert person.count("unattributed_windows", reason="no_consent") == 6
    person.see(MORNING + timedelta(hours=2), 30, seed=8)
    assert attributed(person) == 6
    assert person.count("consents", employee_id=person.id) == 1, "it is no withdrawal"
    assert person.connection.execute("SELECT count(*) FROM consents WHERE withdrawn_at IS NULL").fetchone()[0] > 1  # type: ignore[index]


@pytest.mark.parametrize("ending", ["rejected", "taken back"])
def test_when_it_ends_only_what_follows_is_attributed(person: Person, ending: str) -> None:
    number = object_at(person, HALF)
    if ending == "rejected":
        decide(person, number, "rejected")
    else:
        act(person, lambda session: objections.take_back(session, number, actor="employee"))

    assert attributed(person) == 6, "what was observed meanwhile stays nobody's"
    person.connection.execute("UPDATE objections SET ended_at = %s", [MORNING + timedelta(hours=1)])
    person.see(MORNING + timedelta(hours=2), 30, seed=8)
    assert attributed(person) == 12


def test_upheld_it_withdraws_every_consent_from_its_moment(person: Person) -> None:
    number = object_at(person, HALF)
    decide(person, number, "upheld")

    row = person.connection.execute(
        "SELECT withdrawn_at, withdrawn_by FROM consents WHERE employee_id = %s", [person.id]
    ).fetchone()
    assert row == (HALF, "Ana (token 3)")
    person.see(MORNING + timedelta(hours=2), 30, seed=8)
    assert attributed(person) == 6
    with transaction(person.database.engine("control")) as session:
        consents.give_consent(session, employee_id=person.id, notice_version="2", given_at=datetime.now(UTC))


def test_an_objection_without_a_consent_can_be_upheld_too(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        consents.withdraw_all(session, person.id, withdrawn_at=HALF, by="Ana")
    decide(person, object_at(person), "upheld")


def test_while_it_is_open_nobody_looks_and_nobody_learns(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        looks.open_look(
            session, pseudonym=person.pseudonym, officer="Rosa", actor="Rosa", reason="a long one",
            lasting=timedelta(hours=1),
        )  # fmt: skip
        assert len(pictures.list_pictures(session, after=None, limit=9)) == 1
    number = object_at(person)
    with psycopg.connect(person.database.url("grafana_safety")) as connection:
        assert connection.execute("SELECT FROM safety.people").rowcount == 0
    assert person.count("looks", ended_by="employee") == 1
    with psycopg.connect(person.database.url("grafana_ops")) as connection:
        assert connection.execute("SELECT pictures FROM ops.training_pictures").fetchall() == []
    with transaction(person.database.engine("control")) as session, pytest.raises(ConflictError, match="objects"):
        pictures.add_picture(
            session, digest=hashlib.sha256(CONTENT).hexdigest(), content=CONTENT, is_crop=True,
            label="fatigue", site_id=person.plant.sites[0], pseudonym=person.pseudonym, added_by="test",
        )  # fmt: skip
    decide(person, number, "rejected")
    with psycopg.connect(person.database.url("grafana_ops")) as connection:
        assert connection.execute("SELECT pictures FROM ops.training_pictures").fetchall() == [(1,)]


def test_one_is_open_at_a_time_and_is_decided_once_with_a_reason(person: Person) -> None:
    number = object_at(person)
    with pytest.raises(ConflictError, match="open already"):
        object_at(person)
    with transaction(person.database.engine("control")) as session, pytest.raises(InvalidError):
        objections.decide(session, number, decision="rejected", reason="no", actor="Ana")
    decide(person, number, "rejected")
    with pytest.raises(ConflictError, match="rejected already"):
        decide(person, number, "upheld")
    again = object_at(person)
    with transaction(person.database.engine("control")) as session:
        assert [row.id for row in objections.list_objections(session, state="open", after=None, limit=9)] == [again]


def test_the_ledger_is_in_the_export_and_goes_with_the_person(person: Person) -> None:
    decide(person, object_at(person), "rejected")
    with transaction(person.database.engine("control")) as session:
        (row,) = access_export.collect(session, person.id)["objections"]
        assert (row["text"], row["state"], row["decision"]) == (WORDS, "rejected", WHY)
        done = erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked in writing")
        assert done.counts["objections"] == 1


def test_the_words_are_not_for_the_worker_and_are_never_rewritten(person: Person) -> None:
    object_at(person)
    for role, statement in (
        ("worker", "SELECT text FROM objections"),
        ("control", "UPDATE objections SET text = 'I agree'"),
        ("control", "UPDATE objections SET raised_at = now()"),
        ("ingest", "SELECT id FROM objections"),
    ):
        with psycopg.connect(person.database.url(role)) as connection, pytest.raises(errors.InsufficientPrivilege):
            connection.execute(statement)  # type: ignore[arg-type]
