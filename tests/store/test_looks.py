"""Nobody reads a row about a person but while a look at that person lasts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors

from stressvision_store import consents, erasure, looks
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError
from stressvision_store.session import transaction
from support.database import Cluster, Database, create_database, drop_database
from support.person import Person, person
from support.rollups import fill

pytestmark = pytest.mark.db
__all__ = ["person"]

REASON = "three alerts in one shift"
HOUR = timedelta(hours=1)


def open_look(database: Database, pseudonym: str, *, officer: str = "Rosa", lasting: timedelta = HOUR) -> int:
    with transaction(database.engine("control")) as session:
        placed = looks.open_look(
            session, pseudonym=pseudonym, officer=officer, actor=f"{officer} (token 7)", reason=REASON, lasting=lasting
        )
        return placed.look.id or 0


READABLE = """
SELECT n.nspname || '.' || c.relname, EXISTS (
    SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'pseudonym')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
  AND has_schema_privilege(n.oid, 'USAGE') AND has_any_column_privilege(c.oid, 'SELECT')
"""


def views(database: Database) -> list[str]:
    """What the safety officers' role can read that speaks of a person."""
    with psycopg.connect(database.url("grafana_safety")) as connection:
        return sorted(name.removeprefix("safety.") for name, personal in connection.execute(READABLE) if personal)


def seen(database: Database) -> dict[str, set[str]]:
    """Pseudonyms by view, as the safety officers' role reads them."""
    with psycopg.connect(database.url("grafana_safety")) as connection:
        return {
            view: {name for (name,) in connection.execute(f"SELECT pseudonym FROM safety.{view}").fetchall()}  # type: ignore[arg-type]
            for view in views(database)
        }


def seen_anywhere(database: Database) -> set[str]:
    return set().union(*seen(database).values())


def entries(person: Person, action: str) -> list[tuple[object, ...]]:
    return person.connection.execute(
        "SELECT actor, subject, detail->>'reason' FROM audit WHERE action = %s ORDER BY id", [action]
    ).fetchall()


def test_without_a_look_there_is_no_row_about_anybody(person: Person) -> None:
    assert {"looks", "people", "person_shifts", "person_windows"} <= set(views(person.database))
    assert seen_anywhere(person.database) == set()


def test_what_the_role_reads_besides_tells_of_nobody(person: Person) -> None:
    with psycopg.connect(person.database.url("grafana_safety")) as connection:
        for name, _personal in connection.execute(READABLE).fetchall():
            assert name.startswith("safety."), name
            columns = {column.name for column in connection.execute(f"SELECT * FROM {name} LIMIT 0").description or ()}
            assert "pseudonym" in columns or not columns & {"employee_id", "device_id", "look_id"}, name


def test_while_a_look_lasts_that_person_is_shown_and_nobody_else(person: Person) -> None:
    number = open_look(person.database, person.pseudonym)

    assert set(map(frozenset, seen(person.database).values())) == {frozenset({person.pseudonym})}
    with psycopg.connect(person.database.url("grafana_safety")) as connection:
        row = connection.execute("SELECT look_id, officer, reason, until - since FROM safety.looks").fetchone()
    assert row == (number, "Rosa", REASON, HOUR)
    assert entries(person, "look.open") == [("Rosa (token 7)", f"employee {person.id}", REASON)]

    with transaction(person.database.engine("control")) as session:
        looks.end_look(session, number, actor="Rosa (token 7)")
        looks.end_look(session, number, actor="Luis (token 8)")
    assert seen_anywhere(person.database) == set()
    assert len(entries(person, "look.end")) == 1


def test_time_alone_ends_a_look_even_in_a_transaction_that_is_kept_open(person: Person) -> None:
    open_look(person.database, person.pseudonym, lasting=timedelta(seconds=2))
    with psycopg.connect(person.database.url("grafana_safety")) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert connection.execute("SELECT FROM safety.people").rowcount == 1
        connection.execute("SELECT pg_sleep(2.1)")
        for view in views(person.database):
            assert connection.execute(f"SELECT FROM safety.{view}").rowcount == 0, view  # type: ignore[arg-type]


def test_a_withdrawal_ends_every_look(person: Person) -> None:
    open_look(person.database, person.pseudonym)
    open_look(person.database, person.pseudonym, officer="Luis")
    with transaction(person.database.engine("control")) as session:
        consents.withdraw_all(session, person.id, withdrawn_at=datetime.now(UTC), by="Ana")

    assert seen_anywhere(person.database) == set()
    assert len(entries(person, "look.end")) == 2
    with transaction(person.database.engine("control")) as session:
        consents.give_consent(session, employee_id=person.id, notice_version="2", given_at=datetime.now(UTC))
    assert seen_anywhere(person.database) == set(), "a new consent opens no look again"


def test_a_withdrawal_that_the_service_never_heard_of_hides_the_person_too(person: Person) -> None:
    open_look(person.database, person.pseudonym)
    person.connection.execute("UPDATE consents SET withdrawn_at = now()")
    assert seen_anywhere(person.database) == set()
    with pytest.raises(ConflictError, match="no active consent"):
        open_look(person.database, person.pseudonym, officer="Luis")


def test_erasure_takes_the_looks_with_it(person: Person) -> None:
    open_look(person.database, person.pseudonym)
    with transaction(person.database.engine("control")) as session:
        row = erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")
        assert row.counts["looks"] == 1
    assert seen_anywhere(person.database) == set()


def test_a_site_that_is_off_shows_no_look(person: Person) -> None:
    open_look(person.database, person.pseudonym)
    person.connection.execute("UPDATE sites SET profile = 'off'")
    assert seen_anywhere(person.database) == set()


@pytest.mark.parametrize("lasting", [timedelta(0), timedelta(hours=8, seconds=1), -HOUR])
def test_a_look_lasts_eight_hours_at_most(person: Person, lasting: timedelta) -> None:
    with pytest.raises(InvalidError, match="8 hours"):
        open_look(person.database, person.pseudonym, lasting=lasting)
    assert person.count("looks") == 0


def test_one_look_at_a_time_and_not_at_everybody(person: Person) -> None:
    open_look(person.database, person.pseudonym)
    with pytest.raises(ConflictError, match="already"):
        open_look(person.database, person.pseudonym)
    with pytest.raises(NotFoundError):
        open_look(person.database, "P-nobody")
    names = [
        name
        for (name,) in person.connection.execute(
            "SELECT pseudonym FROM employees WHERE id <> %s ORDER BY id", [person.id]
        ).fetchall()
    ]
    for name in names[: looks.MOST_AT_ONCE - 1]:
        open_look(person.database, name)
    with pytest.raises(ConflictError, match="no more at once"):
        open_look(person.database, names[looks.MOST_AT_ONCE - 1])
    open_look(person.database, names[looks.MOST_AT_ONCE - 1], officer="Luis")


def test_a_day_has_an_end_to_it(person: Person) -> None:
    for _ in range(looks.MOST_A_DAY):
        number = open_look(person.database, person.pseudonym)
        with transaction(person.database.engine("control")) as session:
            looks.end_look(session, number, actor="Rosa")
    with pytest.raises(ConflictError, match="no more in a day"):
        open_look(person.database, person.pseudonym)
    person.connection.execute("UPDATE looks SET since = since - interval '1 d', until = until - interval '1 d'")
    open_look(person.database, person.pseudonym)


FORBIDDEN = (
    "INSERT INTO looks (employee_id, officer, reason, since, until) VALUES (1, 'x', 'a long reason', now(), now())",
    "UPDATE looks SET until = now() + interval '9 h'",
    "UPDATE looks SET employee_id = 2",
)


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_service_can_make_no_look_longer_nor_date_it(person: Person, statement: str) -> None:
    open_look(person.database, person.pseudonym)
    with psycopg.connect(person.database.url("control")) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("until", "reason", "constraint"),
    [("now() + interval '8 h 1 s'", REASON, "looks_time"), ("now()", REASON, "looks_time"),
     ("now() + interval '1 h'", "because", "looks_reason")],
)  # fmt: skip
def test_the_table_itself_refuses_what_is_too_long_or_has_no_reason(
    person: Person, until: str, reason: str, constraint: str
) -> None:
    with pytest.raises(errors.CheckViolation, match=constraint):
        person.connection.execute(
            f"INSERT INTO looks (employee_id, officer, reason, until) VALUES (%s, 'Rosa', %s, {until})",
            [person.id, reason],
        )


@pytest.fixture(scope="module")
def plant(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Twelve people with rollups, for all examples of a property."""
    cluster: Cluster = request.getfixturevalue("cluster")
    made = create_database(cluster, "looks_shared", "stressvision_template")
    with psycopg.connect(made.url("owner")) as connection:
        fill(connection, employees=12, days=3, last=datetime.now(UTC).date() - timedelta(days=2), every=24)
        connection.execute(
            "INSERT INTO consents (employee_id, notice_version, given_at) SELECT id, '1', '2020-01-01Z' FROM employees"
        )
    yield made
    drop_database(cluster, made)


LOOK = st.tuples(
    st.integers(1, 12),
    st.sampled_from(["over", "live", "ended", "coming"]),
    st.sampled_from(["consents", "withdrew", "withdraws later", "objects", "objected"]),
)
SINCE = {"over": "-9 h", "live": "-1 h", "ended": "-1 h", "coming": "1 h"}


@settings(max_examples=30, deadline=None)
@given(drawn=st.lists(LOOK, max_size=6, unique_by=lambda look: look[0]))
def test_what_is_seen_is_exactly_who_is_looked_at(plant: Database, drawn: list[tuple[int, str, str]]) -> None:
    with psycopg.connect(plant.url("owner")) as connection:
        connection.execute("TRUNCATE looks, objections")
        connection.execute("UPDATE consents SET withdrawn_at = NULL")
        for employee, state, consent in drawn:
            connection.execute(
                "INSERT INTO looks (employee_id, officer, reason, since, until, ended_at, ended_by) VALUES "
                "(%s, 'Rosa', 'long enough a reason', now() + %s::interval, now() + %s::interval + interval '8 h', "
                "CASE WHEN %s THEN now() END, CASE WHEN %s THEN 'Rosa' END)",
                [employee, SINCE[state], SINCE[state], state == "ended", state == "ended"],
            )
            if consent.startswith("withdr"):
                connection.execute(
                    "UPDATE consents SET withdrawn_at = now() + %s::interval WHERE employee_id = %s",
                    ["1 h" if consent == "withdraws later" else "0 h", employee],
                )
            if consent.startswith("object"):
                decided = consent == "objected"
                connection.execute(
                    "INSERT INTO objections (employee_id, text, recorded_by, state, ended_at, decided_by, decision) "
                    "VALUES (%s, 'no', 'employee', %s, CASE WHEN %s THEN now() END, CASE WHEN %s THEN 'Ana' END, "
                    "'a reason for that')",
                    [employee, "rejected" if decided else "open", decided, decided],
                )
        rows = connection.execute("SELECT id, pseudonym FROM employees").fetchall()
    names = dict(rows)
    allowed = {
        names[employee]
        for employee, state, consent in drawn
        if state == "live" and consent in {"consents", "withdraws later", "objected"}
    }

    found = seen(plant)

    assert found["people"] == found["looks"] == allowed
    assert found["person_shifts"] <= allowed
    assert found["person_windows"] <= allowed
    assert (found["person_shifts"] != set()) == (allowed != set())
