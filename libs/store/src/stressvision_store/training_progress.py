"""What a trainer says of the job it holds: stage, epochs, and the tail of its log."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import Session, col, select

from stressvision_store.training_jobs import LEASE_S, held_job, renew
from stressvision_store.training_tables import TrainingEpoch, TrainingJob, TrainingLog

MOST_LINES = 2000
"""Of a job's log; older ones go."""
LONGEST_LINE = 1000


def report(
    session: Session,
    job_id: int,
    fence: int,
    *,
    stage: str | None = None,
    epoch: dict[str, Any] | None = None,
    eta_s: float | None = None,
    lease_s: float = LEASE_S,
) -> TrainingJob:
    """Renew the lease, and note what is new. `epoch` is the record of one that has ended, with `epoch` and `epochs`."""
    job = held_job(session, job_id, fence)
    if stage is not None:
        job.stage = stage
    if eta_s is not None:
        job.eta_s = eta_s
    if epoch is not None:
        job.epoch, job.epochs, job.metrics = int(epoch["epoch"]), int(epoch["epochs"]), epoch
        values = {"record": epoch, "reported_at": func.now()}
        session.execute(
            insert(TrainingEpoch)
            .values(job_id=job_id, epoch=job.epoch, **values)
            .on_conflict_do_update(index_elements=["job_id", "epoch"], set_=values)
        )
    session.flush()
    renew(session, job, lease_s=lease_s)
    session.refresh(job)
    return job


def epochs_of(session: Session, job_id: int) -> Sequence[TrainingEpoch]:
    statement = select(TrainingEpoch).where(col(TrainingEpoch.job_id) == job_id)
    return session.exec(statement.order_by(col(TrainingEpoch.epoch))).all()


def add_lines(session: Session, job_id: int, fence: int, lines: Sequence[str]) -> None:
    """Add to the log, of which the last `MOST_LINES` are kept."""
    held_job(session, job_id, fence)
    append(session, job_id, lines)


def append(session: Session, job_id: int, lines: Sequence[str]) -> None:
    session.add_all(TrainingLog(job_id=job_id, line=line[:LONGEST_LINE].replace("\x00", "")) for line in lines)
    session.flush()
    session.execute(
        text("""
        DELETE FROM training_logs WHERE job_id = :job AND id <= (
            SELECT id FROM training_logs WHERE job_id = :job ORDER BY id DESC OFFSET :most LIMIT 1
        )"""),
        {"job": job_id, "most": MOST_LINES},
    )


def lines_of(session: Session, job_id: int, *, after: int | None, limit: int) -> Sequence[TrainingLog]:
    """What follows the line `after`; without it, the last `limit` lines."""
    statement = select(TrainingLog).where(col(TrainingLog.job_id) == job_id)
    if after is not None:
        return session.exec(
            statement.where(col(TrainingLog.id) > after).order_by(col(TrainingLog.id)).limit(limit)
        ).all()
    newest = session.exec(statement.order_by(col(TrainingLog.id).desc()).limit(limit)).all()
    return newest[::-1]
