"""Training jobs: queued, claimed by lease and fence, told of while they run, and ended once.

queued → running → succeeded | failed | cancelled; running → cancelling → cancelled | failed; running → queued when its
trainer gives it back. A lease that ran out lets the next trainer claim the job under a higher fence; the trainer that
lost it is refused from then on. All times are the server's.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from stressvision_store.model_tables import ModelVersion
from stressvision_store.paging import one, take
from stressvision_store.refusals import ConflictError
from stressvision_store.training_tables import LIVE, OVER, Trainer, TrainingJob

LEASE_S = 60.0
"""How long a trainer may be silent; it tells of itself several times as often."""

MOST_ATTEMPTS = 5
"""Claims after which a job that nobody brings to an end is given up."""

_CLAIM = text("""
UPDATE training_jobs SET
    state = 'running', fence = fence + 1, attempts = attempts + 1, claimed_by = :trainer,
    lease_until = clock_timestamp() + make_interval(secs => :lease_s), started_at = coalesce(started_at, now())
WHERE id = (
    SELECT id FROM training_jobs
    WHERE (state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp())) AND attempts < :most
    ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
""")

_GIVE_UP = text("""
UPDATE training_jobs SET
    state = CASE state WHEN 'cancelling' THEN 'cancelled' ELSE 'failed' END,
    error = CASE state WHEN 'cancelling' THEN error ELSE concat_ws(
        '; ', error, format('given up after %s attempts: its trainer went away each time', attempts)) END,
    ended_at = now(), lease_until = NULL, claimed_by = NULL, eta_s = NULL
WHERE id IN (
    SELECT id FROM training_jobs
    WHERE (state = 'cancelling' AND lease_until < clock_timestamp())
        OR (attempts >= :most AND (state = 'queued' OR (state = 'running' AND lease_until < clock_timestamp())))
    FOR UPDATE SKIP LOCKED
)
RETURNING id
""")


class StaleFenceError(ConflictError):
    """Another trainer holds the job, or nobody needs it any more."""


def add_job(
    session: Session,
    *,
    recipe: str,
    recipe_text: str,
    changes: Sequence[str] = (),
    version: str | None = None,
    requested_by: str,
) -> TrainingJob:
    """Queue a run that a person asked for. `version` is what its model will be called; by default date and number.

    `ConflictError` for a version that is registered, or that an open job will have.
    """
    if version is not None:
        _refuse_taken(session, version)
    job = TrainingJob(
        recipe=recipe,
        recipe_text=recipe_text,
        changes=list(changes),
        version=version or "",
        trigger="manual",
        requested_by=requested_by,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    job.version = version or default_version(job)
    session.flush()
    return job


def _refuse_taken(session: Session, version: str) -> None:
    if session.get(ModelVersion, version) is not None:
        raise ConflictError(f"there is a model {version!r} already; give this one another version", field="version")
    open_jobs = select(TrainingJob).where(col(TrainingJob.version) == version, col(TrainingJob.ended_at).is_(None))
    job = session.exec(open_jobs).first()
    if job is not None:
        raise ConflictError(f"the model of training job {job.id} will be {version!r}; give another", field="version")


def default_version(job: TrainingJob) -> str:
    return f"{job.created_at:%Y.%m.%d}-job{job.id}"


def get_job(session: Session, job_id: int, *, lock: bool = False) -> TrainingJob:
    return one(session, TrainingJob, job_id, "training job", lock=lock)


def list_jobs(session: Session, *, state: str | None = None, after: int | None, limit: int) -> Sequence[TrainingJob]:
    """Newest first."""
    statement = select(TrainingJob)
    if state is not None:
        statement = statement.where(col(TrainingJob.state) == state)
    return take(session, statement, key=col(TrainingJob.id), after=after, limit=limit, newest_first=True)


def give_up_lost(session: Session) -> Sequence[int]:
    """End what no trainer will: jobs that were to be cancelled when theirs went away, and those lost too often."""
    ended = session.execute(_GIVE_UP, {"most": MOST_ATTEMPTS}).scalars().all()
    session.expire_all()
    return ended


def claim_job(session: Session, trainer: str, *, lease_s: float = LEASE_S) -> TrainingJob | None:
    """The oldest job that waits or whose trainer fell silent, now `trainer`'s under a new fence; None without one."""
    note_trainer(session, trainer)
    give_up_lost(session)
    values = {"trainer": trainer, "lease_s": lease_s, "most": MOST_ATTEMPTS}
    job_id = session.execute(_CLAIM, values).scalar()
    session.expire_all()
    return get_job(session, job_id) if job_id is not None else None


def held_job(session: Session, job_id: int, fence: int) -> TrainingJob:
    """The job, locked, if `fence` is its newest and it is live; else `StaleFenceError`."""
    job = get_job(session, job_id, lock=True)
    if job.fence != fence:
        raise StaleFenceError(
            f"fence {fence} of training job {job_id} is stale, the newest is {job.fence}; stop working on it",
            field="fence",
        )
    if job.state not in LIVE:
        raise StaleFenceError(f"training job {job_id} is {job.state}; stop working on it", field="fence")
    return job


def renew(session: Session, job: TrainingJob, *, lease_s: float = LEASE_S) -> None:
    """Extend the lease of a job that was just found to be held."""
    session.execute(
        text(
            "UPDATE training_jobs SET lease_until = clock_timestamp() + make_interval(secs => :lease_s) WHERE id = :id"
        ),
        {"lease_s": lease_s, "id": job.id},
    )
    if job.claimed_by is not None:
        note_trainer(session, job.claimed_by)


def cancel_job(session: Session, job_id: int) -> TrainingJob:
    """At once where it waits; a trainer that works on it is told when it next tells of itself."""
    job = get_job(session, job_id, lock=True)
    if job.state == "queued":
        _end(session, job, "cancelled")
    elif job.state == "running":
        job.state = "cancelling"
    elif job.state in OVER and job.state != "cancelled":
        raise ConflictError(f"training job {job_id} is {job.state}; nothing is left to cancel")
    session.flush()
    return job


def give_back(session: Session, job: TrainingJob, reason: str) -> None:
    """To the queue: another claim goes on with it, or begins anew where its pictures have changed. Not an attempt."""
    if job.state == "cancelling":
        _end(session, job, "cancelled")
        return
    job.state, job.lease_until, job.claimed_by, job.eta_s = "queued", None, None, None
    job.error, job.attempts = reason, max(job.attempts - 1, 0)
    session.flush()


def fail_job(session: Session, job: TrainingJob, error: str) -> None:
    job.error = error
    _end(session, job, "failed")


def end_cancelled(session: Session, job: TrainingJob) -> None:
    _end(session, job, "cancelled")


def succeed(session: Session, job: TrainingJob, version: str) -> None:
    """Its model `version` is registered."""
    job.candidate_version, job.error = version, None
    _end(session, job, "succeeded")


def note_trainer(session: Session, name: str) -> None:
    values = {"seen_at": func.clock_timestamp()}
    session.execute(
        insert(Trainer).values(name=name, **values).on_conflict_do_update(index_elements=["name"], set_=values)
    )


def list_trainers(session: Session) -> Sequence[Trainer]:
    """Who asked for work or told of it within the last day, newest first."""
    recent = col(Trainer.seen_at) > func.now() - text("interval '1 day'")
    return session.exec(select(Trainer).where(recent).order_by(col(Trainer.seen_at).desc())).all()


def _end(session: Session, job: TrainingJob, state: str) -> None:
    job.state, job.lease_until, job.claimed_by, job.eta_s = state, None, None, None
    job.ended_at = func.now()  # type: ignore[assignment]  # the server's clock, with the rest of the row
    session.flush()
    session.refresh(job)


def facts(job: TrainingJob) -> dict[str, Any]:
    """What the audit says of a job."""
    return {"recipe": job.recipe, "version": job.version, "trigger": job.trigger, "changes": job.changes}
