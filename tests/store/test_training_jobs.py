"""Training jobs: one holder at a time, and only the newest fence may speak."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from stressvision_store import training_jobs, training_progress
from stressvision_store.refusals import ConflictError, NotFoundError
from stressvision_store.session import transaction
from stressvision_store.training_jobs import MOST_ATTEMPTS, StaleFenceError
from stressvision_store.training_tables import TrainingJob
from support.database import Database

pytestmark = pytest.mark.db

EPOCH = {"epoch": 1, "epochs": 3, "loss": 1.5, "accuracy": 0.4, "macro_f1": 0.3}


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with Session(database.engine("control")) as session:
        yield session


def add(session: Session, **given: object) -> TrainingJob:
    job = training_jobs.add_job(session, recipe="small", recipe_text="seed = 1", requested_by="ml", **given)
    session.commit()
    return job


def claim(session: Session, trainer: str = "a", lease_s: float = 60.0) -> TrainingJob | None:
    job = training_jobs.claim_job(session, trainer, lease_s=lease_s)
    session.commit()
    return job


def test_a_job_is_claimed_once_and_in_order(session: Session) -> None:
    first, second = add(session), add(session)
    held = claim(session)
    assert held is not None
    assert (held.id, held.fence, held.state, held.claimed_by) == (first.id, 1, "running", "a")
    other = claim(session, "b")
    assert other is not None
    assert other.id == second.id
    assert claim(session, "c") is None
    assert {row.name for row in training_jobs.list_trainers(session)} == {"a", "b", "c"}


def test_two_claims_at_once_never_get_the_same_job(database: Database, session: Session) -> None:
    add(session)
    add(session)
    with transaction(database.engine("control")) as one, transaction(database.engine("control")) as two:
        held = training_jobs.claim_job(one, "a")
        other = training_jobs.claim_job(two, "b")  # while the first is not committed
        assert held is not None
        assert other is not None
        assert held.id != other.id


def test_a_lease_that_ran_out_lets_the_next_trainer_in_and_shuts_the_first_out(session: Session) -> None:
    job = add(session)
    first = claim(session, "a", lease_s=-1)
    assert first is not None
    fence = first.fence
    second = claim(session, "b")
    assert second is not None
    assert (second.id, second.fence) == (job.id, fence + 1)
    with pytest.raises(StaleFenceError, match="fence 1 of training job 1 is stale, the newest is 2"):
        training_progress.report(session, second.id or 0, fence)
    with pytest.raises(StaleFenceError):
        training_progress.add_lines(session, second.id or 0, fence, ["still here"])
    training_progress.report(session, second.id or 0, second.fence, stage="fit", epoch=EPOCH)
    session.commit()
    assert session.get_one(TrainingJob, job.id).metrics == EPOCH


def test_a_late_report_renews_a_lease_that_nobody_else_took(session: Session) -> None:
    add(session)
    held = claim(session, "a", lease_s=-1)
    assert held is not None
    training_progress.report(session, held.id or 0, held.fence)
    session.commit()
    assert claim(session, "b") is None


def test_a_job_that_is_lost_again_and_again_is_given_up(session: Session) -> None:
    job = add(session)
    for _ in range(MOST_ATTEMPTS):
        assert claim(session, lease_s=-1) is not None
    assert claim(session) is None
    session.refresh(job)
    assert job.state == "failed"
    assert job.error == "given up after 5 attempts: its trainer went away each time"


def test_cancelling_a_waiting_job_ends_it_and_a_running_one_asks_its_trainer(session: Session) -> None:
    waiting = add(session)
    assert training_jobs.cancel_job(session, waiting.id or 0).state == "cancelled"
    running = add(session)
    held = claim(session)
    assert held is not None
    assert training_jobs.cancel_job(session, running.id or 0).state == "cancelling"
    job = training_progress.report(session, held.id or 0, held.fence)
    assert job.state == "cancelling"
    training_jobs.end_cancelled(session, job)
    session.commit()
    with pytest.raises(StaleFenceError, match="is cancelled; stop"):
        training_progress.report(session, held.id or 0, held.fence)


def test_a_job_to_be_cancelled_whose_trainer_went_away_is_cancelled(session: Session) -> None:
    job = add(session)
    claim(session, lease_s=-1)
    training_jobs.cancel_job(session, job.id or 0)
    session.commit()
    assert training_jobs.give_up_lost(session) == [job.id]
    session.refresh(job)
    assert (job.state, job.error) == ("cancelled", None)


def test_a_job_given_back_is_claimed_again(session: Session) -> None:
    add(session)
    held = claim(session)
    assert held is not None
    training_jobs.give_back(session, held, "the trainer was told to stop")
    again = claim(session, "b")
    assert again is not None
    assert (again.id, again.fence, again.claimed_by) == (held.id, 2, "b")


@pytest.mark.parametrize(
    "wrong",
    [
        "state = 'asleep'",
        "state = 'succeeded', ended_at = now()",
        "state = 'failed', ended_at = now()",
        "state = 'running'",
        "lease_until = now(), claimed_by = 'x'",
        "ended_at = now()",
        "state = 'cancelling', lease_until = now(), claimed_by = 'x'",
        "fence = -1",
        "trigger = 'whim'",
    ],
)
def test_the_database_refuses_states_that_cannot_be(session: Session, wrong: str) -> None:
    add(session)
    with pytest.raises(IntegrityError):
        session.execute(text(f"UPDATE training_jobs SET {wrong}"))


def test_what_is_over_stays_as_it_ended(session: Session) -> None:
    job = add(session)
    training_jobs.cancel_job(session, job.id or 0)
    session.commit()
    assert training_jobs.cancel_job(session, job.id or 0).state == "cancelled"
    with pytest.raises(IntegrityError, match="cannot go from cancelled"):
        session.execute(text("UPDATE training_jobs SET state = 'queued', ended_at = NULL"))
    session.rollback()
    with pytest.raises(NotFoundError):
        training_jobs.get_job(session, 99)


def test_the_log_keeps_its_tail(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_progress, "MOST_LINES", 5)
    job = add(session)
    held = claim(session)
    assert held is not None
    training_progress.add_lines(session, job.id or 0, held.fence, [f"line {n}" for n in range(4)])
    training_progress.add_lines(session, job.id or 0, held.fence, [f"line {n}" for n in range(4, 8)])
    kept = training_progress.lines_of(session, job.id or 0, after=None, limit=100)
    assert [row.line for row in kept] == [f"line {n}" for n in range(3, 8)]
    newer = training_progress.lines_of(session, job.id or 0, after=kept[2].id, limit=100)
    assert [row.line for row in newer] == ["line 6", "line 7"]


class Jobs(RuleBasedStateMachine):
    """Trainers claim, stall, come back late, publish and give up, in any order."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.held: list[tuple[int, int]] = []  # every (job, fence) that anybody was ever given, the newest last

    @initialize()
    def begin(self) -> None:
        with self.database.engine("owner").begin() as connection:
            connection.execute(text("TRUNCATE training_jobs, training_epochs, training_logs, training_pictures"))
            model = (
                "INSERT INTO model_versions (version, digest, manifest) VALUES ('1', '1', '{}') ON CONFLICT DO NOTHING"
            )
            connection.execute(text(model))

    def newest(self, job: int) -> int:
        return max(fence for one, fence in self.held if one == job)

    def speak(self, job: int, fence: int, act: str) -> None:
        with transaction(self.database.engine("control")) as session:
            held = training_jobs.held_job(session, job, fence)
            if act == "fail":
                training_jobs.fail_job(session, held, "it broke")
            elif act == "publish":
                training_jobs.succeed(session, held, "1")
            elif act == "give back":
                training_jobs.give_back(session, held, "stopped")
            else:
                training_progress.report(session, job, fence, epoch=EPOCH)

    @rule()
    def ask(self) -> None:
        with transaction(self.database.engine("control")) as session:
            training_jobs.add_job(session, recipe="r", recipe_text="", requested_by="ml")

    @rule(trainer=st.sampled_from("abc"), lease_s=st.sampled_from((-1.0, 60.0)))
    def take(self, trainer: str, lease_s: float) -> None:
        with transaction(self.database.engine("control")) as session:
            job = training_jobs.claim_job(session, trainer, lease_s=lease_s)
            if job is not None:
                assert job.id is not None
                assert all(fence < job.fence for one, fence in self.held if one == job.id)
                self.held.append((job.id, job.fence))

    @rule(
        choice=st.randoms(use_true_random=False),
        act=st.sampled_from(("report", "report", "give back", "fail", "publish")),
    )
    def say(self, choice: object, act: str) -> None:
        if not self.held:
            return
        job, fence = choice.choice(self.held)  # type: ignore[attr-defined]
        try:
            self.speak(job, fence, act)
            spoke = True
        except StaleFenceError:
            spoke = False
        except IntegrityError as refused:  # what is being cancelled publishes nothing
            assert act == "publish"
            assert "from cancelling" in str(refused)
            spoke = False
        assert not spoke or fence == self.newest(job), "a stale fence was heard"

    @rule(choice=st.randoms(use_true_random=False))
    def cancel(self, choice: object) -> None:
        if self.held:
            with transaction(self.database.engine("control")) as session, suppress(ConflictError):
                training_jobs.cancel_job(session, choice.choice(self.held)[0])  # type: ignore[attr-defined]

    @invariant()
    def one_holder_with_the_newest_fence(self) -> None:
        with transaction(self.database.engine("control")) as session:
            rows = session.execute(text("SELECT id, fence, state, claimed_by FROM training_jobs")).all()
        for row in rows:
            assert row.fence == max((fence for one, fence in self.held if one == row.id), default=0)
            assert (row.claimed_by is not None) == (row.state in ("running", "cancelling"))


def test_never_two_holders_and_only_the_newest_is_heard(database: Database) -> None:
    class Bound(Jobs):
        pass

    Bound.database = database
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    Bound.TestCase.settings = settings(
        max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=checks
    )
    Bound.TestCase().runTest()
