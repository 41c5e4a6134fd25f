"""What is published of a site's day, what the views show of it, and what takes it away again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from stressvision_store import publication
from stressvision_store.session import transaction
from support.attacker import FIRST_DAY, Attacker, Step, crowd
from support.database import Database
from support.publication import publish
from support.report_cells import GivenCell, published, write_cells, write_places
from support.rollups import fill

pytestmark = pytest.mark.db

DAY = datetime.now(UTC).date() - timedelta(days=4)


def ask(database: Database, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(database.url("grafana_hr")) as connection:
        return connection.execute(statement.encode()).fetchall()


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        yield connection


def test_an_erasure_withdraws_figures_and_the_reports_made_of_them(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    write_places(database, 2, 2)
    write_cells(database, [GivenCell(area, shift, DAY, 7) for area in (1, 2) for shift in (1, 2)])
    for kind, shift, day in (("shift", 1, DAY), ("shift", 2, DAY), ("week", 0, DAY - timedelta(days=DAY.weekday()))):
        owner.execute(
            "INSERT INTO reports (kind, site_id, shift_id, first_date, language, format, content) "
            "VALUES (%s, 1, %s, %s, 'es', 'html', '')",
            [kind, shift, day],
        )
    (member,) = owner.execute(
        "SELECT min(employee_id) FROM published_members m JOIN published_cells c ON c.id = m.cell_id "
        "WHERE area_id = 1 AND shift_id = 1"
    ).fetchone() or (0,)

    with transaction(database.engine("control")) as session:
        withdrawn = publication.withdraw_person(session, int(str(member)))

    assert withdrawn == 1
    assert {(area, shift) for area, shift, _ in published(database)} == {
        ("Área 1", "T2"),
        ("Área 2", "T1"),
        ("Área 2", "T2"),
    }
    assert ask(database, "SELECT DISTINCT area_id, shift_id FROM hr.group_hours ORDER BY 1, 2") == [
        (1, 2),
        (2, 1),
        (2, 2),
    ]
    assert ask(database, "SELECT cells, withheld_cells, hour_cells, withheld_hour_cells FROM hr.withheld") == [
        (4, 1, 4, 1)
    ]
    assert owner.execute("SELECT kind, shift_id FROM reports").fetchall() == [("shift", 2)]
    assert publish(database) == [], "and it does not come again"


def test_moods_are_for_sites_with_a_full_profile_then_and_now(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    write_places(database, 1, 1, profile="full")
    write_cells(database, [GivenCell(1, 1, DAY, 7)])
    question = "SELECT sad_share::float, happy_share::float, stress_share::float FROM hr.group_shifts"

    assert ask(database, question) == [(0.01, 0.01, 0.2)]
    owner.execute("UPDATE sites SET profile = 'safety'")
    assert ask(database, question) == [(None, None, 0.2)]
    owner.execute("UPDATE sites SET profile = 'fatigue_only'")
    assert ask(database, question) == [(None, None, None)]
    assert ask(database, "SELECT DISTINCT stress_share FROM hr.group_hours") == [(None,)]
    owner.execute("UPDATE sites SET profile = 'off'")
    for view in ("group_shifts", "group_hours", "withheld", "freshness", "annotations"):
        assert ask(database, f"SELECT * FROM hr.{view}") == []


def test_moods_of_a_time_without_a_full_profile_stay_hidden(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    write_places(database, 1, 1, profile="safety")
    owner.execute("UPDATE sites SET profile = 'full'")
    write_cells(database, [GivenCell(1, 1, DAY, 7)])

    assert ask(database, "SELECT sad_share, happy_share, stress_share::float FROM hr.group_shifts") == [
        (None, None, 0.2)
    ]
    assert ask(database, "SELECT kind, text FROM hr.annotations ORDER BY kind") == [
        ("model", "Modelo m1 / Model m1"), ("policy", "Perfil de la sede: full / Site profile: full"),
    ]  # fmt: skip


HOURS = """
SELECT w.area_id, w.shift_id, r.starts_at + n * interval '1 h', count(DISTINCT w.employee_id)::int,
    round(sum(w.observed_ms) / 3600000.0)::int, round(sum(w.fatigue_ms)::numeric / sum(w.observed_ms), 2),
    round(sum(w.observed_ms) / 3600000.0 / count(DISTINCT w.employee_id), 2)
FROM rollup_windows w JOIN rollup_areas r USING (area_id, shift_id, shift_date), generate_series(0, 7) n
WHERE w.bucket_at >= r.starts_at + n * interval '1 h' AND w.bucket_at < r.starts_at + (n + 1) * interval '1 h'
GROUP BY 1, 2, 3
"""


def test_hours_are_those_of_the_five_minutes(database: Database, owner: psycopg.Connection[tuple[object, ...]]) -> None:
    fill(owner, employees=300, days=1, last=DAY, every=3)
    publish(database)

    shown = ask(
        database,
        "SELECT area_id, shift_id, hour_at, people, observed_hours, fatigue_share, coverage FROM hr.group_hours",
    )

    assert len(shown) > 90
    assert set(shown) <= set(owner.execute(HOURS).fetchall())
    nights = "SELECT DISTINCT hour_of_shift, local_hour FROM hr.group_hours WHERE shift = 'Noche' ORDER BY 1"
    assert ask(database, nights) == [(0, 22), (1, 23), (2, 0), (3, 1), (4, 2), (5, 3), (6, 4), (7, 5)]
    assert ask(database, "SELECT DISTINCT weekday FROM hr.group_hours") == [(DAY.isoweekday(),)]


@pytest.mark.parametrize("hours", [(0,), (0, 1, 2)])
def test_no_count_says_for_how_long_whoever_is_alone_was_seen(database: Database, hours: tuple[int, ...]) -> None:
    alone = crowd(range(20, 21), area=2, hours=hours)

    Attacker(database).take([*crowd(range(1, 7)), *crowd(range(7, 13), area=3), *alone, Step("publish")])

    # of three cells, the one and a neighbour are withheld; of hours, only those of the third are spoken of
    counts = "SELECT cells, withheld_cells, hour_cells, withheld_hour_cells FROM hr.withheld"
    assert ask(database, counts) == [(3, 2, 3, 0)]


def test_a_day_is_published_as_a_whole(database: Database) -> None:
    """An area that is heard of later shows as withheld nowhere, and is shown nowhere."""
    attacker = Attacker(database)
    attacker.take([*crowd(range(1, 7)), Step("publish"), *crowd(range(1, 7), area=2), Step("publish")])

    assert {area for area, _, _ in published(database)} == {"1"}
    assert ask(database, "SELECT cells FROM hr.withheld") == [(1,)]
    with transaction(database.engine("worker")) as session:
        assert publication.changed_cells(session) == 1


def test_a_rota_is_spoken_of_when_it_changes_for_five(
    database: Database, owner: psycopg.Connection[tuple[object, ...]]
) -> None:
    write_places(database, 1, 1)
    owner.execute("INSERT INTO stations (area_id, name) SELECT 1, n::text FROM generate_series(1, 9) n")
    owner.execute("INSERT INTO employees (site_id, pseudonym) SELECT 1, n::text FROM generate_series(1, 9) n")
    owner.execute(
        "INSERT INTO assignments (employee_id, station_id, shift_id, first_date) "
        "SELECT n, n, 1, CASE WHEN n <= 5 THEN %s::date ELSE %s::date + 1 END FROM generate_series(1, 9) n",
        [FIRST_DAY, FIRST_DAY],
    )

    days = ask(database, "SELECT (at AT TIME ZONE 'America/Lima')::date FROM hr.annotations WHERE kind = 'roster'")

    assert days == [(FIRST_DAY,)]
