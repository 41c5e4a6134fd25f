"""Training jobs: what is asked for, how far it is, and what it said."""

import tomllib
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import PathId
from stressvision_control.security import CallerDep, allow
from stressvision_control.training_jobs.schemas import JobDetail, JobView, LogLine, NewJob, State, TrainerView
from stressvision_store import audit, training_jobs, training_progress
from stressvision_store.refusals import InvalidError
from stressvision_store.training_tables import TrainingJob

router = APIRouter(prefix="/v1/training-jobs", tags=["training"])
trainers = APIRouter(prefix="/v1/trainers", tags=["training"])
learners = allow("admin", "ml")


@router.get("", summary="List training jobs, newest first", **learners)
def list_jobs(session: SessionDep, page: PageDep, state: Annotated[State | None, Query()] = None) -> Page[JobView]:
    training_jobs.give_up_lost(session)
    rows = training_jobs.list_jobs(session, state=state, after=page.after, limit=page.limit)
    return paged([JobView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Ask for a run of a recipe", status_code=201, **learners)
def add_job(session: SessionDep, caller: CallerDep, body: NewJob) -> JobDetail:
    """It waits for a trainer, which checks the recipe as the first thing it does."""
    try:
        tomllib.loads(body.recipe_text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidError(f"the recipe is no TOML: {error}", field="recipe_text") from error
    job = training_jobs.add_job(session, **body.model_dump(), requested_by=caller.actor)
    _audit(session, caller, "start", job)
    return _detail(session, job)


@router.get("/{job_id}", summary="Show a training job, and its figures by epoch", **learners)
def show_job(session: SessionDep, job_id: PathId) -> JobDetail:
    training_jobs.give_up_lost(session)
    return _detail(session, training_jobs.get_job(session, job_id))


@router.post("/{job_id}/cancel", summary="Cancel a training job", **learners)
def cancel_job(session: SessionDep, caller: CallerDep, job_id: PathId) -> JobDetail:
    """One that runs is `cancelling` until its trainer has stopped, or its lease has run out."""
    job = training_jobs.cancel_job(session, job_id)
    _audit(session, caller, "cancel", job)
    return _detail(session, job)


@router.get("/{job_id}/logs", summary="Read what a training job said", **learners)
def read_log(
    session: SessionDep,
    job_id: PathId,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Only what follows this line's id")] = None,
    limit: Annotated[int, Query(ge=1, le=2000, description="Without `after`: so many of the last lines")] = 200,
) -> list[LogLine]:
    training_jobs.get_job(session, job_id)
    rows = training_progress.lines_of(session, job_id, after=after, limit=limit)
    return [LogLine.model_validate(row) for row in rows]


@trainers.get("", summary="List the trainers that asked for work within a day", **learners)
def list_trainers(session: SessionDep) -> Sequence[TrainerView]:
    return [TrainerView.model_validate(row) for row in training_jobs.list_trainers(session)]


def _detail(session: SessionDep, job: TrainingJob) -> JobDetail:
    epochs = training_progress.epochs_of(session, job.id or 0)
    return JobDetail.model_validate(job).model_copy(update={"curve": [row.record for row in epochs]})


def _audit(session: SessionDep, caller: CallerDep, action: str, job: TrainingJob) -> None:
    facts = training_jobs.facts(job)
    audit.append(session, actor=caller.actor, action=f"training.{action}", subject=f"training job {job.id}", **facts)
