"""When a run is due that nobody asked for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import Session

from stressvision_store import training_triggers
from stressvision_store.session import transaction
from stressvision_store.training_triggers import Due, Thresholds, find_due, fold_days, queue_due
from support.database import Database

pytestmark = pytest.mark.db

ALL = Thresholds(every=timedelta(days=30), pictures=3, psi=0.25, confidence=0.1)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    """As the worker, which must have every right that this takes and no more."""
    with Session(database.engine("worker")) as session:
        yield session


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_triggers, "FEWEST_WINDOWS", 5)


def owner(database: Database, statement: str, **values: Any) -> None:
    with transaction(database.engine("owner")) as session:
        session.execute(text(statement), values)


def add_model(database: Database, version: str = "1.0.0") -> None:
    owner(database, "INSERT INTO model_versions (version, digest, manifest) VALUES (:v, :v, '{}')", v=version)


def add_day(database: Database, days_ago: int, mix: list[int], confidence: float, version: str = "1.0.0") -> None:
    owner(
        database,
        "INSERT INTO model_days (model_version, day, windows, mix, confidence_ppm) VALUES "
        "(:v, (now() AT TIME ZONE 'UTC')::date - CAST(:ago AS integer), 10, :mix, :sum)",
        v=version, ago=days_ago, mix=mix, sum=round(confidence * 1e7),
    )  # fmt: skip


def add_job(database: Database, state: str = "succeeded", days_ago: float = 1, **given: Any) -> None:
    values = {"trigger": "manual", "reason": None, "recipe": "best"} | given
    over = "now()" if state in ("succeeded", "failed") else "NULL"
    candidate = "'1.0.0'" if state == "succeeded" else "NULL"
    owner(
        database,
        "INSERT INTO training_jobs (recipe, recipe_text, changes, version, trigger, reason, state, requested_by, "
        f"created_at, ended_at, candidate_version, error) VALUES (:recipe, 'seed = 1', '{{epochs=3}}', 'x', :trigger, "
        f":reason, '{state}', 'Rosa', now() - make_interval(secs => :age), {over}, {candidate}, 'why')",
        age=days_ago * 86400, **values,
    )  # fmt: skip


def add_picture(database: Database, number: int) -> None:
    owner(database, "INSERT INTO sites (id, name, time_zone) VALUES (1, 'Callao', 'UTC') ON CONFLICT DO NOTHING")
    owner(
        database,
        "INSERT INTO pictures (digest, content, media_type, width, height, is_crop, label, site_id, added_by) "
        "VALUES (:d, 'x', 'image/png', 64, 64, true, 'happy', 1, 'Rosa')",
        d=f"{number:064x}",
    )


def add_window(database: Database, at: datetime, number: int, **given: Any) -> None:
    values = {"model_version": "1.0.0", "faces": 5, "stress_ms": 0} | given
    event_id = UUID(int=int(at.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | number)
    owner(
        database,
        "INSERT INTO events (event_id, device_id, seq, kind, started_at, ended_at, clock_shift_ms, content, "
        "model_version, frames, faces, coverage_ppm, neutral_ms, stress_ms, sad_ms, happy_ms, fatigue_ms, "
        "neutral_ppm, stress_ppm, sad_ppm, happy_ppm, fatigue_ppm) VALUES "
        "(:id, 1, :n, 1, :at, :at + interval '60 s', 0, 0, :model_version, 10, :faces, 900000, 40000, "
        ":stress_ms, 0, 10000, 0, 700000, 100000, 0, 200000, 0)",
        id=event_id, n=number, at=at, **values,
    )  # fmt: skip


def test_days_are_folded_from_raw_windows_and_again_when_late_ones_come(session: Session, database: Database) -> None:
    add_model(database)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    for number in range(3):
        add_window(database, noon, number)
    add_window(database, noon, 3, faces=0)  # it saw nobody
    add_window(database, noon, 4, model_version="none")
    add_window(database, noon - timedelta(days=9), 5)  # of a day that nobody had folded
    fold_days(session)
    add_window(database, noon, 6, stress_ms=30_000)
    add_window(database, noon - timedelta(days=9), 7)  # long folded
    fold_days(session)
    session.commit()
    columns = "day, windows, mix, confidence_ppm, devices, blind_windows, captured_ms, observed_ms"
    old, row = session.execute(text(f"SELECT {columns} FROM model_days ORDER BY day")).all()
    assert row == (noon.date(), 4, [160_000, 30_000, 0, 40_000, 0], 2_800_000, 1, 1, 300_000, 270_000)
    assert (old.day, old.windows) == (noon.date() - timedelta(days=9), 1)


def test_nothing_is_due_without_a_threshold_or_a_cause(session: Session, database: Database) -> None:
    add_model(database)
    add_job(database, days_ago=100)
    add_picture(database, 1)
    assert find_due(session, Thresholds()) is None
    assert find_due(session, Thresholds(pictures=3)) is None
    assert find_due(session, Thresholds(every=timedelta(days=101))) is None


def test_time_and_pictures_count_from_the_last_run(session: Session, database: Database) -> None:
    add_model(database)
    for number in range(3):
        add_picture(database, number)
    add_job(database, days_ago=40)
    assert find_due(session, ALL) == Due("pictures", "3 pictures since the last run")
    assert find_due(session, Thresholds(every=timedelta(days=30))) == Due("schedule", "40 days since the last run")
    add_job(database, "failed", days_ago=-0.001)
    assert find_due(session, ALL) is None


def test_a_mix_that_moved_is_drift_once_a_model(session: Session, database: Database) -> None:
    add_model(database)
    add_job(database)
    for ago in range(13, 6, -1):
        add_day(database, ago, [60, 10, 10, 15, 5], 0.8)
    for ago in range(6, -1, -1):
        add_day(database, ago, [20, 50, 10, 15, 5], 0.78)
    due = find_due(session, ALL)
    assert due is not None
    # (0.2 - 0.6) ln(0.2 / 0.6) + (0.5 - 0.1) ln(0.5 / 0.1) = 1.083
    expected = "1.0.0: mix of labels moved by 1.08 (population stability index), confidence from 0.80 to 0.78"
    assert (due.trigger, due.reason.startswith(expected)) == ("drift", True), due.reason
    job = queue_due(session, due)
    session.commit()
    assert job is not None
    assert find_due(session, Thresholds(psi=0.25)) is None  # asked for already


def test_confidence_that_fell_is_drift_and_too_little_to_judge_by_is_not(session: Session, database: Database) -> None:
    add_model(database)
    for ago in range(13, 6, -1):
        add_day(database, ago, [60, 10, 10, 15, 5], 0.8)
    assert find_due(session, ALL) is None  # not two weeks
    add_day(database, 0, [60, 10, 10, 15, 5], 0.65)
    assert find_due(session, Thresholds(psi=0.25)) is None
    due = find_due(session, ALL)
    assert due is not None
    assert "confidence from 0.80 to 0.65" in due.reason
    owner(
        database, "UPDATE model_days SET windows = 4, confidence_ppm = 0 WHERE day = (now() AT TIME ZONE 'UTC')::date"
    )
    assert find_due(session, ALL) is None


def test_what_last_succeeded_is_repeated_and_one_waits_at_a_time(session: Session, database: Database) -> None:
    assert queue_due(session, Due("schedule", "why")) is None  # nobody has chosen a recipe
    add_model(database)
    add_job(database, recipe="best", days_ago=3)
    add_job(database, "failed", recipe="broken", days_ago=2)
    job = queue_due(session, Due("schedule", "3 days since the last run"))
    session.commit()
    assert job is not None
    assert (job.recipe, job.changes, job.trigger, job.state) == ("best", ["epochs=3"], "schedule", "queued")
    assert job.version.endswith(f"-job{job.id}")
    assert queue_due(session, Due("pictures", "why")) is None


def test_two_workers_at_once_queue_one(database: Database) -> None:
    add_model(database)
    add_job(database)
    with Session(database.engine("worker")) as one, Session(database.engine("worker")) as two:
        assert queue_due(one, Due("schedule", "why")) is not None
        one.commit()
        two.execute(text("SET lock_timeout = '1s'"))
        assert queue_due(two, Due("schedule", "why")) is None


def test_the_worker_never_reads_a_picture(session: Session) -> None:
    for statement in ("SELECT content FROM pictures", "SELECT * FROM training_pictures"):
        with pytest.raises(Exception, match="permission denied"):
            session.execute(text(statement))
        session.rollback()
