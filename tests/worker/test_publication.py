"""The worker publishes what is due, and ends what dashboards run for too long, each as its own role."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from prometheus_client import REGISTRY
from psycopg import errors
from pydantic import SecretStr, ValidationError

from stressvision_worker.publication import end_long_dashboards, publish_figures
from stressvision_worker.settings import Settings
from support.database import Database
from support.publication import forget, publish
from support.report_cells import GivenCell, published, write_cells, write_places

pytestmark = pytest.mark.db

DAY = datetime.now(UTC).date() - timedelta(days=4)
YEAR_AGO = DAY - timedelta(days=365)


def settings(database: Database, **given: Any) -> Settings:
    return Settings(database_url=SecretStr(database.url("worker")), environment="production", **given)


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


@pytest.fixture
def two_days(database: Database) -> Database:
    """Seven people in each of two areas, four in a third; a year ago and lately."""
    write_places(database, 3, 1)
    sizes = {1: 7, 2: 7, 3: 4}
    write_cells(
        database, [GivenCell(area, 1, day, people) for area, people in sizes.items() for day in (YEAR_AGO, DAY)]
    )
    forget(database)
    return database


def test_what_is_over_long_ago_is_published_and_counted(two_days: Database) -> None:
    days, shown = counted("stressvision_publication_days_total"), counted(
        "stressvision_publication_cells_total", grain="shift", outcome="shown"
    )  # fmt: skip

    publish_figures(two_days.engine("worker"), settings(two_days, publish_after_seconds=0), budget_s=20)

    assert {day for _, _, day in published(two_days)} == {YEAR_AGO, DAY}
    assert counted("stressvision_publication_days_total") == days + 2
    assert counted("stressvision_publication_cells_total", grain="shift", outcome="shown") == shown + 2


def test_nothing_is_published_before_it_was_quiet_for_six_hours(two_days: Database) -> None:
    publish_figures(two_days.engine("worker"), settings(two_days), budget_s=20)
    assert published(two_days) == set()
    with psycopg.connect(two_days.url("grafana_hr")) as connection:
        assert connection.execute("SELECT published_until, pending_days FROM hr.freshness").fetchall() == [(None, 2)]

    with psycopg.connect(two_days.url("owner")) as connection:
        connection.execute("UPDATE rollup_areas SET computed_at = now() - interval '7 h' WHERE shift_date = %s", [DAY])
    publish_figures(two_days.engine("worker"), settings(two_days), budget_s=20)

    assert {day for _, _, day in published(two_days)} == {DAY}
    with psycopg.connect(two_days.url("grafana_hr")) as connection:
        assert connection.execute("SELECT published_until, pending_days FROM hr.freshness").fetchall() == [(DAY, 1)]


def test_a_mark_within_the_day_holds_it_back(two_days: Database) -> None:
    with psycopg.connect(two_days.url("owner")) as connection:
        connection.execute("INSERT INTO stations (area_id, name) VALUES (1, 'P1')")
        connection.execute(
            "INSERT INTO devices (public_key, hostname, hardware, agent_version) VALUES ('k', 'pi', 'Pi 5', '1')"
        )
        connection.execute("INSERT INTO placements (device_id, station_id, placed_at) VALUES (1, 1, %s)", [YEAR_AGO])
        connection.execute("UPDATE rollup_areas SET ends_at = starts_at + interval '8 h'")
        connection.execute(
            "INSERT INTO dirty_windows (device_id, bucket_at) VALUES (1, %s::date + interval '2 h')", [DAY]
        )

    publish_figures(two_days.engine("worker"), settings(two_days, publish_after_seconds=0), budget_s=20)

    assert {day for _, _, day in published(two_days)} == {YEAR_AGO}


def test_a_larger_group_is_asked_for_by_a_setting(two_days: Database) -> None:
    publish_figures(two_days.engine("worker"), settings(two_days, publish_after_seconds=0, group_size=8), budget_s=20)

    assert published(two_days) == set()
    with pytest.raises(ValidationError):
        settings(two_days, group_size=4)


def test_what_changes_afterwards_is_counted_and_not_shown(two_days: Database) -> None:
    publish(two_days)
    before = published(two_days)
    with psycopg.connect(two_days.url("owner")) as connection:
        connection.execute(
            "UPDATE rollup_areas SET computed_at = clock_timestamp(), fatigue_ms = 0 "
            "WHERE area_id = 1 AND shift_date = %s",
            [DAY],
        )

    publish_figures(two_days.engine("worker"), settings(two_days, publish_after_seconds=0), budget_s=20)

    assert counted("stressvision_publication_changed_cells") == 1
    assert published(two_days) == before


def test_a_site_that_an_edit_holds_waits_and_blocks_nobody(two_days: Database) -> None:
    failures = counted("stressvision_publication_failures_total")
    with psycopg.connect(two_days.url("owner")) as edit:
        edit.execute("SELECT pg_advisory_xact_lock_shared(%s, 1)", [0x5356])
        publish_figures(two_days.engine("worker"), settings(two_days, publish_after_seconds=0), budget_s=0.5)
    assert counted("stressvision_publication_failures_total") > failures
    assert published(two_days) == set()


def test_on_a_laptop_nobody_waits_for_hours(database: Database) -> None:
    word = SecretStr(database.url("worker"))
    assert Settings(database_url=word, environment="development").publish_after == 20
    assert Settings(database_url=word, environment="development", publish_after_seconds=60).publish_after == 60
    assert Settings(database_url=word, environment="production").publish_after == 21_600


def sleeper(database: Database, role: str, seconds: float, fate: dict[str, str]) -> threading.Thread:
    def sleep() -> None:
        try:
            with psycopg.connect(database.url(role), autocommit=True) as connection:
                connection.execute("SET statement_timeout = 0")
                connection.execute("SELECT pg_sleep(%s)", [seconds])
            fate[role] = "slept"
        except errors.AdminShutdown:
            fate[role] = "ended"

    thread = threading.Thread(target=sleep, daemon=True)
    thread.start()
    return thread


def test_a_viewer_who_lifts_the_time_limit_is_ended_all_the_same(database: Database) -> None:
    fate: dict[str, str] = {}
    ended = counted("stressvision_dashboard_sessions_ended_total")
    sleepers = [sleeper(database, role, 60, fate) for role in ("grafana_hr", "grafana_safety", "grafana_ops")]
    ours = sleeper(database, "stressvision_control", 4, fate)
    waiting = psycopg.connect(database.url("grafana_hr"))
    waiting.execute("SELECT 1")  # and holds its transaction open

    end_long_dashboards(database.engine("worker"), settings(database))
    assert fate == {}, "none is as old as twenty seconds"
    time.sleep(1.5)
    end_long_dashboards(database.engine("worker"), settings(database, dashboard_s=1))
    for thread in [*sleepers, ours]:
        thread.join(10)

    assert fate == dict.fromkeys(("grafana_hr", "grafana_safety", "grafana_ops"), "ended") | {
        "stressvision_control": "slept"
    }
    assert counted("stressvision_dashboard_sessions_ended_total") == ended + 4
    with pytest.raises(errors.AdminShutdown):
        waiting.execute("SELECT 1")
    waiting.close()
