"""Which pictures a job learns from: listed when it is claimed, and held against what may be used when it publishes."""

import hashlib
from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func
from sqlmodel import Session, col, select

from stressvision_store.pictures import DatasetChangedError, usable
from stressvision_store.training_tables import Picture, TrainingJob, TrainingPicture

NOBODY: Final = ""


def list_for(session: Session, job: TrainingJob) -> str:
    """Freeze what `job` learns from and return its digest.

    What an earlier claim listed stays, so that its checkpoints serve, unless one of them may not be used any more.
    """
    if job.dataset_digest is not None and not lost_pictures(session, job):
        return job.dataset_digest
    session.exec(delete(TrainingPicture).where(col(TrainingPicture.job_id) == job.id))
    rows = session.execute(
        select(Picture.digest, Picture.label, Picture.employee_id).where(usable()).order_by(col(Picture.digest))
    ).all()
    listed = [
        TrainingPicture(job_id=job.id or 0, digest=row.digest, label=row.label, subject=subject_of(row.employee_id))
        for row in rows
    ]
    session.add_all(listed)
    job.dataset_digest = digest_of(listed)
    session.flush()
    return job.dataset_digest


def subject_of(employee_id: int | None) -> str:
    """How a trainer knows whom a picture shows: enough to keep a person in one split, and no more."""
    return NOBODY if employee_id is None else f"person-{employee_id}"


def digest_of(pictures: Sequence[TrainingPicture]) -> str:
    """SHA-256 of digest, label and subject of each, in the order of digests."""
    lines = sorted(f"{each.digest} {each.label} {each.subject}\n" for each in pictures)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def listed_for(
    session: Session, job_id: int, *, after: str | None = None, limit: int | None = None
) -> Sequence[TrainingPicture]:
    statement = select(TrainingPicture).where(col(TrainingPicture.job_id) == job_id)
    if after is not None:
        statement = statement.where(col(TrainingPicture.digest) > after)
    return session.exec(statement.order_by(col(TrainingPicture.digest)).limit(limit)).all()


def lost_pictures(session: Session, job: TrainingJob) -> int:
    """How many pictures on the job's list may not be used any more: removed, relabelled, erased, consent withdrawn."""
    same = (col(Picture.digest) == col(TrainingPicture.digest)) & (col(Picture.label) == col(TrainingPicture.label))
    still = select(Picture.digest).where(same, usable()).exists()
    statement = select(func.count()).select_from(TrainingPicture)
    return session.scalar(statement.where(col(TrainingPicture.job_id) == job.id, ~still)) or 0


def refuse_changed(session: Session, job: TrainingJob) -> None:
    """`DatasetChangedError` when the job learnt from what may not be used. Pictures that came meanwhile do no harm."""
    lost = lost_pictures(session, job)
    if lost:
        raise DatasetChangedError(
            f"{lost} of the pictures that training job {job.id} learnt from may not be used any more (removed, "
            "relabelled, or consent withdrawn); its model is not taken, and the job begins anew",
            field="dataset_digest",
        )


def readable(session: Session, job_id: int, *, after: str | None, most_bytes: int, most: int) -> list[Picture]:
    """The next pictures of the job's list that may be used now, with content: as many as fit, one at least."""
    same = col(Picture.digest) == col(TrainingPicture.digest)
    size = func.octet_length(Picture.content)
    statement = (
        select(Picture.digest, size.label("size"))
        .join(TrainingPicture, same)
        .where(col(TrainingPicture.job_id) == job_id, usable())
    )
    if after is not None:
        statement = statement.where(col(Picture.digest) > after)
    chosen: list[str] = []
    total = 0
    for row in session.execute(statement.order_by(col(Picture.digest)).limit(most)):
        total += row.size
        if chosen and total > most_bytes:
            break
        chosen.append(row.digest)
    pictures = select(Picture).where(col(Picture.digest).in_(chosen)).order_by(col(Picture.digest))
    return list(session.exec(pictures).all())
