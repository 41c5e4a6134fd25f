"""What goes because of its age, and the report about it."""

from datetime import timedelta

import pytest

from stressvision_store import erasure, retention, retention_report
from stressvision_store.session import transaction
from support.database import Database
from support.person import Person, person

pytestmark = pytest.mark.db
__all__ = ["person"]


def report(database: Database) -> dict[str, retention_report.Kept]:
    with transaction(database.engine("control")) as session:
        return {line.table: line for line in retention_report.report(session)}


def test_every_table_with_a_person_has_a_purpose() -> None:
    named = {purpose.table for purpose in retention_report.PURPOSES}
    assert {table.name for table in erasure.person_tables()} | erasure.OWN_WAY <= named


def test_rollups_and_check_ins_go_by_their_age(person: Person) -> None:
    engine = person.database.engine("worker")
    assert retention.delete_old(engine, "rollups", days=10) == 0
    for table, column in (("rollup_windows", "shift_date"), ("check_ins", "checked_in_at")):
        person.connection.execute(f"UPDATE {table} SET {column} = {column} - interval '30 days' WHERE employee_id = 1")

    assert retention.delete_old(engine, "rollups", days=10) == 13

    assert person.count("rollup_windows", employee_id=person.id) == 0
    assert person.count("rollup_windows") > 0


def test_reports_go_with_the_figures_they_tell_of(person: Person) -> None:
    person.connection.execute(
        "INSERT INTO reports (kind, site_id, first_date, language, format, content)"
        " SELECT 'week', id, current_date - age, 'es', 'html', '' FROM sites, unnest(ARRAY[9, 11]) age"
    )

    retention.delete_old(person.database.engine("worker"), "rollups", days=10)

    assert person.connection.execute("SELECT current_date - first_date FROM reports").fetchall() == [(9,)]


def test_the_report_says_what_is_kept_beyond_its_time(person: Person) -> None:
    engine = person.database.engine("worker")
    assert report(person.database)["rollup_shifts"].kept_days is None, "no rule was applied yet"
    retention.note_run(engine, "rollups", days=1, dropped=4)
    retention.note_run(engine, "rollups", days=0, dropped=3)
    person.connection.execute("ANALYZE events")
    retention.note_run(engine, "raw", days=0, dropped=0)

    lines = report(person.database)

    assert (lines["rollup_shifts"].rows, lines["rollup_shifts"].beyond, lines["rollup_shifts"].kept_days) == (3, 3, 0)
    assert lines["events"].rows == person.count("events")
    assert lines["consents"].beyond is None
    assert lines["consents"].until == "the person is erased"
    assert person.count("retention_runs", rule="rollups", dropped=7) == 1


def test_old_tombstones_go(person: Person) -> None:
    with transaction(person.database.engine("control")) as session:
        erasure.erase(session, person.id, confirm=person.pseudonym, actor="Ana", reason="asked for in writing")
    spans = person.count("erased_spans")
    assert spans > 0
    person.connection.execute("UPDATE erased_spans SET to_at = to_at - %s", [timedelta(days=100)])
    assert retention.delete_old(person.database.engine("worker"), "tombstones", days=90) == spans
