"""A withdrawal ends attribution at its moment, whether it is told at once or late."""

from datetime import timedelta

import pytest

from stressvision_store import consents
from stressvision_store.session import transaction
from support.person import MORNING, Person, person
from support.rollup_differences import wrong_rows

pytestmark = pytest.mark.db
__all__ = ["person"]


def test_the_next_rollup_attributes_nothing_after_it(person: Person) -> None:
    at = MORNING + timedelta(minutes=30)
    with transaction(person.database.engine("control")) as session:
        consents.withdraw_all(session, person.id, withdrawn_at=at, by="Ana")

    person.drain()

    assert person.count("rollup_windows", employee_id=person.id) == 6, "the half hour before it"
    row = person.connection.execute(
        "SELECT max(bucket_at) < %s FROM rollup_windows WHERE employee_id = %s", [at, person.id]
    ).fetchone()
    assert row == (True,)
    assert person.count("unattributed_windows", reason="no_consent") == 6
    assert wrong_rows(person.database.url("owner")) == []


def test_what_is_observed_afterwards_belongs_to_nobody(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        consents.withdraw_all(session, person.id, withdrawn_at=MORNING + timedelta(hours=1), by="Ana")
    person.see(MORNING + timedelta(hours=2), 30, seed=8)
    assert person.count("rollup_windows", employee_id=person.id) == 12
