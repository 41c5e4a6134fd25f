"""The worker looks after training: lost jobs end, days are folded, and a run that is due is queued."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from stressvision_store import training_jobs
from stressvision_store.session import transaction
from stressvision_worker.metrics import TRAINING_QUEUED
from stressvision_worker.settings import Settings
from stressvision_worker.training import thresholds_of, watch_training
from support.database import Database

URL = "postgresql://w:a-good-one@127.0.0.1/x"


def test_nought_is_never() -> None:
    off = thresholds_of(
        Settings(
            database_url=URL, training_every_days=0, training_new_pictures=0, training_drift_psi=0,
            training_drift_confidence=0,
        )
    )  # fmt: skip
    assert (off.every, off.pictures, off.psi, off.confidence) == (None, None, None, None)
    assert thresholds_of(Settings(database_url=URL, training_every_days=0.5)).every == timedelta(hours=12)


@pytest.mark.db
def test_what_is_due_is_queued_once_and_what_is_lost_ends(database: Database) -> None:
    with transaction(database.engine("control")) as session:
        lost = training_jobs.add_job(session, recipe="a", recipe_text="", requested_by="Rosa").id
        job = training_jobs.claim_job(session, "gone", lease_s=-1)
        assert job is not None
        training_jobs.cancel_job(session, job.id or 0)
    with transaction(database.engine("owner")) as session:
        session.execute(text("INSERT INTO model_versions (version, digest, manifest) VALUES ('1', '1', '{}')"))
        session.execute(
            text(
                "INSERT INTO training_jobs (recipe, recipe_text, changes, version, trigger, state, requested_by, "
                "ended_at, candidate_version) VALUES ('best', '', '{}', '1', 'manual', 'succeeded', 'Rosa', now(), '1')"
            )
        )
        session.execute(text("ALTER TABLE training_jobs DISABLE TRIGGER USER"))  # what is over may not change
        session.execute(text("UPDATE training_jobs SET created_at = now() - interval '8 days'"))
    thresholds = thresholds_of(Settings(database_url=URL, training_every_days=7))
    before = TRAINING_QUEUED.labels(why="schedule")._value.get()
    for _ in range(2):
        watch_training(database.engine("worker"), thresholds)
    with transaction(database.engine("control")) as session:
        rows = training_jobs.list_jobs(session, after=None, limit=10)
        assert [(row.recipe, row.state, row.trigger) for row in rows if row.trigger != "manual"] == [
            ("best", "queued", "schedule")
        ]
        assert training_jobs.get_job(session, lost or 0).state == "cancelled"
    assert TRAINING_QUEUED.labels(why="schedule")._value.get() == before + 1
