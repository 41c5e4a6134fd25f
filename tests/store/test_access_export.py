"""What a person is given of what is stored about them."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stressvision_store import access_export, erasure
from stressvision_store.session import transaction
from support.person import MORNING, Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]


def export(person: Person) -> dict:
    with transaction(person.database.engine("control")) as session:
        return access_export.collect(session, person.id)


def test_everything_of_the_person_is_in_it(person: Person) -> None:
    found = export(person)

    assert found["person"]["name"] == "Ana Quispe"
    assert found["counts"] | {"looks": 0} == {
        "alerts": 0, "assignments": 1, "check_ins": 1, "consents": 1, "five_minutes": 12, "looks": 0,
        "objections": 0, "observations": 62, "person_looks": 0, "personal_links": 0, "pictures": 1,
        "published_members": 0, "shifts": 1,
    }  # fmt: skip
    assert {row["kind"] for row in found["observations"]} == {"window", "episode"}
    assert found["assignments"][0]["shift"] == "morning"
    assert [row["action"] for row in found["looks"]] == ["employee.read"]
    json.dumps(found)


def test_nobody_is_erased_in_the_middle_of_it(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        access_export.collect(session, person.id)
        with (
            pytest.raises(OperationalError, match="lock timeout"),
            transaction(person.database.engine("control")) as erasing,
        ):
            erasing.execute(text("SET LOCAL lock_timeout = '100ms'"))
            erasure.erase(erasing, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")


def test_nothing_of_anybody_else_is_in_it(person: Person) -> None:
    found = export(person)
    starts = {row["started_at"] for row in found["observations"]}
    assert all(MORNING.isoformat() <= at < (MORNING + timedelta(hours=1)).isoformat() for at in starts)
    assert {row["device_id"] for row in found["observations"]} == {person.device}
    written = json.dumps(found)
    assert "employee 99" not in written
    assert "badge_hash" not in written
    assert "a picture" not in written


def test_observations_without_a_consent_are_told_too(person: Person) -> None:
    person.connection.execute("DELETE FROM consents WHERE employee_id = %s", [person.id])
    assert export(person)["counts"]["observations"] == 62


def test_the_notice_is_told_in_its_words(person: Person) -> None:
    person.connection.execute("INSERT INTO notices VALUES ('1', 'es', 'Qué se observa', 'x', 'Ana')")
    assert export(person)["consents"][0]["notice"] == "Qué se observa"


def test_every_table_with_a_person_is_in_it(person: Person) -> None:
    """A new table shows up by itself, if only under its own name."""
    found = export(person)
    with transaction(person.database.engine()) as session:
        tables = session.scalars(
            text(
                "SELECT table_name FROM information_schema.columns WHERE column_name = 'employee_id' "
                "AND table_schema = 'public' AND table_name NOT IN (SELECT table_name FROM information_schema.views)"
            )
        ).all()
    known_as = {
        "rollup_shifts": "shifts", "rollup_windows": "five_minutes", "employee_names": "person", "erasures": "person"
    }  # fmt: skip
    assert {known_as.get(table, table) for table in tables} <= found.keys()
