"""Erasing a person: nothing of them is left anywhere, nothing of anybody else is gone, and nothing comes back."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from stressvision_store import erasure
from stressvision_store.marks import lock_sites
from stressvision_store.privacy_tables import Erasure
from stressvision_store.refusals import InvalidError, NotFoundError
from stressvision_store.session import transaction
from support import plants
from support.database import Database
from support.person import MORNING, Person, person
from support.rollup_differences import wrong_rows

pytestmark = pytest.mark.db
__all__ = ["person"]


def erase(person: Person) -> Erasure:
    with transaction(person.database.engine("control")) as session:
        row = erasure.erase(
            session, person.id, confirm=person.pseudonym, actor="Ana (token 1)", reason="asked for in writing"
        )
        session.expunge(row)
        return row


def test_nothing_of_the_person_is_left_and_nothing_of_others_is_gone(person: Person) -> None:
    before = {table: person.count(table) for table in ("events", "rollup_windows", "dead_letters", "employees")}

    counts = erase(person).counts

    person.drain()
    with person.database.engine().connect() as connection:
        for table in [*erasure.person_tables(), *map(erasure.METADATA.tables.get, sorted(erasure.OWN_WAY))]:
            column = "id" if table.name == "employees" else "employee_id"
            if table.name != "erasures":
                left = connection.scalar(text(f"SELECT count(*) FROM {table.name} WHERE {column} = {person.id}"))
                assert left == 0, table.name
    assert counts["events"] == 62
    assert person.count("events") == before["events"] - 62
    assert counts["dead_letters"] == 2, "the one about the person's time, and the one that nobody can read"
    assert person.count("dead_letters") == before["dead_letters"] - 2
    assert (counts["pictures"], counts["check_ins"], counts["assignments"], counts["employee_names"]) == (1, 1, 1, 1)
    assert person.count("employees") == before["employees"] - 1
    assert person.count("rollup_windows") > 0
    assert wrong_rows(person.database.url("owner")) == []


def test_it_waits_for_what_is_made_of_the_persons_site_whatever_the_roster_says(person: Person) -> None:
    person.connection.execute("TRUNCATE assignments, check_ins, rollup_windows")
    with transaction(person.database.engine("worker")) as publishing:
        lock_sites(publishing, [person.plant.sites[0]])
        with (
            pytest.raises(OperationalError, match="lock timeout"),
            transaction(person.database.engine("control")) as session,
        ):
            session.execute(text("SET LOCAL lock_timeout = '100ms'"))
            erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")


def test_what_arrives_late_is_dropped_and_counted(person: Person) -> None:
    erase(person)
    person.connection.execute("DELETE FROM dirty_windows")
    random = Random(9)
    late = [plants.window(person.device, MORNING + timedelta(hours=2, minutes=n), random) for n in range(10)]
    others = [plants.window(person.device, MORNING + timedelta(hours=8, minutes=n), random) for n in range(10)]
    before = person.count("events")
    plants.store_events(person.connection, late + others)

    assert person.drain() == 10

    assert person.count("events") == before + 10
    assert person.count("erasures", late_events=10) == 1
    assert wrong_rows(person.database.url("owner")) == []


def test_events_that_pour_in_meanwhile_are_gone_in_the_end(person: Person) -> None:
    """Two senders and two drains at work while the person is erased: nothing is left, and nothing hangs."""
    over = threading.Event()

    def send(seed: int) -> None:
        random = Random(seed)
        with psycopg.connect(person.database.url("owner"), autocommit=True) as connection:
            while not over.is_set():
                at = MORNING + timedelta(seconds=random.randrange(7 * 3600))
                plants.store_events(connection, [plants.window(person.device, at, random)])

    def fold() -> None:
        while not over.is_set():
            person.drain()

    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(send, 1), pool.submit(send, 2), pool.submit(fold), pool.submit(fold)]
        time.sleep(0.5)
        erase(person)
        time.sleep(0.5)
        over.set()
        for job in jobs:
            job.result(30)
    while person.count("dirty_windows"):
        person.drain()

    left = person.connection.execute(
        "SELECT count(*) FROM events e JOIN erased_spans s ON s.device_id = e.device_id "
        "WHERE e.kind <> 3 AND e.started_at >= s.from_at AND e.started_at < s.to_at"
    ).fetchone()
    assert left == (0,)
    assert person.count("erasures", late_events=0) == 0
    assert person.count("rollup_windows", employee_id=person.id) == 0
    assert wrong_rows(person.database.url("owner")) == []


def test_what_the_device_sees_afterwards_is_kept(person: Person) -> None:
    done = erase(person)
    at = done.erased_at + timedelta(minutes=1)
    plants.store_events(person.connection, [plants.window(person.device, at, Random(5))])

    assert person.drain() == 0

    assert person.count("events", started_at=at) == 1


def test_time_without_a_consent_is_erased_too(person: Person) -> None:
    person.connection.execute("DELETE FROM consents WHERE employee_id = %s", [person.id])
    assert erase(person).counts["events"] == 62


def test_dead_letters_that_arrive_late_go_with_the_next_sweep(person: Person) -> None:
    done = erase(person)
    received = done.erased_at + timedelta(hours=1)
    person.letter(MORNING + timedelta(hours=3), received_at=received)
    other = person.letter(MORNING + timedelta(hours=9), received_at=received)
    with transaction(person.database.engine("worker")) as session:
        assert erasure.erase_late_letters(session) == 1
    assert person.count("dead_letters", id=other) == 1


def test_a_letter_is_read_by_the_clock_of_its_batch(person: Person) -> None:
    """The device's clock was ten days slow."""
    person.connection.execute("DELETE FROM dead_letters")
    slow = timedelta(days=10)
    letter = person.letter(MORNING - slow, received_at=MORNING + timedelta(hours=1))
    person.connection.execute("UPDATE dead_letters SET sent_at = received_at - %s WHERE id = %s", [slow, letter])
    assert erase(person).counts["dead_letters"] == 1


def test_shifts_whose_five_minutes_went_with_their_age_go_too(person: Person) -> None:
    person.connection.execute("DELETE FROM rollup_windows WHERE employee_id = %s", [person.id])
    assert erase(person).counts["rollup_shifts"] == 1


def test_the_wrong_pseudonym_erases_nothing(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        with pytest.raises(InvalidError, match="nothing was erased"):
            erasure.erase(session, person.id, confirm="E-OTHER", actor="Ana", reason="asked for in writing")
        with pytest.raises(NotFoundError):
            erasure.erase(session, 10**6, confirm="E-OTHER", actor="Ana", reason="asked for in writing")
    assert person.count("employees", id=person.id) == 1


def test_the_audit_holds_the_erasure_and_its_hash(person: Person) -> None:
    done = erase(person)
    row = person.connection.execute(
        "SELECT a.subject, a.detail->'counts'->>'events' FROM audit a JOIN audit_links l ON l.entry_id = a.id "
        "WHERE l.place = %s AND l.hash = %s",
        [done.audit_place, done.audit_hash],
    ).fetchone()
    assert row == (f"employee {person.id}", "62")


def test_every_table_with_a_person_can_be_emptied_by_the_control_role(database: Database) -> None:
    names = [table.name for table in erasure.person_tables()]
    assert {"assignments", "check_ins", "consents", "employee_names", "alerts"} <= set(names)
    with database.engine("control").connect() as connection:
        for name in names:
            assert connection.scalar(text(f"SELECT has_table_privilege('{name}', 'SELECT')")), name
            assert connection.scalar(text(f"SELECT has_table_privilege('{name}', 'DELETE')")), name


def test_an_erasure_is_done_again_in_an_older_copy_once(person: Person) -> None:
    """The ledger of the erased database, applied to one in which the person still is."""
    spans = [[person.device, (MORNING + timedelta(hours=n)).isoformat(), (MORNING + timedelta(hours=n + 1)).isoformat()]
             for n in range(2)]  # fmt: skip
    erased_at = datetime.now(UTC)
    line = {
        "employee_id": person.id, "site_id": person.plant.sites[0], "erased_at": erased_at.isoformat(),
        "erased_by": "Ana", "reason": "asked for in writing", "spans": spans,
    }  # fmt: skip
    with transaction(person.database.engine("owner")) as session:
        assert erasure.erase_again(session, line, actor="restore")
    assert person.count("employees", id=person.id) == 0
    with transaction(person.database.engine("owner")) as session:
        assert not erasure.erase_again(session, line, actor="restore")
        assert erasure.ledger(session)[0]["employee_id"] == person.id
