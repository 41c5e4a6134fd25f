"""What trainers call: claim a job, tell of it, fetch its pictures, publish its model. Each call carries the fence."""

import io
import zipfile
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from stressvision_control.dependencies import SessionDep
from stressvision_control.errors import Fault, ProblemError
from stressvision_control.fields import PathId
from stressvision_control.security import CallerDep, allow
from stressvision_control.training_jobs.candidates import Candidate, read_candidate
from stressvision_control.training_jobs.schemas import (
    Claim,
    Finish,
    Heard,
    JobView,
    Lines,
    ListedPicture,
    NewClaim,
    Progress,
)
from stressvision_store import audit, model_versions, training_jobs, training_pictures, training_progress
from stressvision_store.training_jobs import LEASE_S
from stressvision_store.training_tables import TrainingJob

router = APIRouter(prefix="/v1/training-jobs", tags=["trainers"])
trainers = allow("ml", "admin")

ARCHIVE_BYTES = 16 << 20
ARCHIVE_PICTURES = 500

FILE = {"type": "string", "format": "binary"}
CANDIDATE_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["fence", "manifest", "model"],
                "properties": {
                    "fence": {"type": "integer"},
                    "manifest": FILE,
                    "model": FILE,
                    "card": FILE,
                    "report": {"type": "array", "items": FILE},
                },
            }
        }
    },
}

FenceQuery = Annotated[int, Query(ge=1, le=2**62)]


@router.post(
    "/claims",
    summary="Claim the oldest job that waits",
    **allow("ml", "admin", response={"model": Claim, "description": "A job, held until the lease runs out"}),
)
def claim_job(session: SessionDep, caller: CallerDep, body: NewClaim) -> Response:
    """204 when nothing waits. A job whose trainer has fallen silent counts as waiting."""
    job = training_jobs.claim_job(session, body.trainer)
    if job is None:
        return Response(status_code=204)
    digest = training_pictures.list_for(session, job)
    listed = len(training_pictures.listed_for(session, job.id or 0))
    audit.append(
        session,
        actor=caller.actor,
        action="training.claim",
        subject=f"training job {job.id}",
        trainer=body.trainer,
        fence=job.fence,
        pictures=listed,
        dataset_digest=digest,
    )
    facts = {name: getattr(job, name) for name in Claim.model_fields if name not in ("lease_s", "pictures")}
    claim = Claim(**facts, lease_s=LEASE_S, pictures=listed)
    return Response(claim.model_dump_json(), media_type="application/json")


@router.post("/{job_id}/progress", summary="Renew the lease and say how far it is", **trainers)
def report_progress(session: SessionDep, job_id: PathId, body: Progress) -> Heard:
    job = training_progress.report(session, job_id, body.fence, stage=body.stage, epoch=body.epoch, eta_s=body.eta_s)
    if body.lines:
        training_progress.append(session, job_id, body.lines)
    return Heard(state=job.state, lease_s=LEASE_S)  # type: ignore[arg-type]  # the table has checked it


@router.post("/{job_id}/logs", summary="Add lines to the log", status_code=204, **trainers)
def add_job_lines(session: SessionDep, job_id: PathId, body: Lines) -> None:
    training_progress.add_lines(session, job_id, body.fence, body.lines)


@router.post("/{job_id}/finish", summary="End a job without a model, or give it back", **trainers)
def finish_job(session: SessionDep, caller: CallerDep, job_id: PathId, body: Finish) -> JobView:
    job = training_jobs.held_job(session, job_id, body.fence)
    if body.outcome == "given_back":
        training_jobs.give_back(session, job, body.reason or "given back by its trainer")
    elif body.outcome == "cancelled":
        training_jobs.end_cancelled(session, job)
    else:
        training_jobs.fail_job(session, job, body.reason or "its trainer did not say why")
    audit.append(
        session,
        actor=caller.actor,
        action=f"training.{body.outcome}",
        subject=f"training job {job_id}",
        reason=body.reason,
    )
    return JobView.model_validate(job)


@router.get("/{job_id}/pictures", summary="List the pictures that a job learns from", **trainers)
def list_job_pictures(session: SessionDep, job_id: PathId, fence: FenceQuery) -> Sequence[ListedPicture]:
    """As frozen when it was claimed. `subject` tells people apart and says no more."""
    training_jobs.held_job(session, job_id, fence)
    return [ListedPicture.model_validate(row) for row in training_pictures.listed_for(session, job_id)]


@router.get(
    "/{job_id}/pictures/archive",
    summary="Fetch the next of a job's pictures",
    response_class=Response,
    **allow("ml", response={"content": {"application/zip": {"schema": FILE}}}),
)
def fetch_job_pictures(
    session: SessionDep,
    caller: CallerDep,
    job_id: PathId,
    fence: FenceQuery,
    after: Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$", description="The last digest fetched")] = None,
) -> Response:
    """A ZIP of files `crop/DIGEST` and `whole/DIGEST`; 204 when none is left. Each read is kept in the audit."""
    training_jobs.held_job(session, job_id, fence)
    rows = training_pictures.readable(session, job_id, after=after, most_bytes=ARCHIVE_BYTES, most=ARCHIVE_PICTURES)
    if not rows:
        return Response(status_code=204)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for row in rows:
            archive.writestr(f"{'crop' if row.is_crop else 'whole'}/{row.digest}", row.content or b"")
    audit.append(
        session,
        actor=caller.actor,
        action="picture.fetch",
        subject=f"training job {job_id}",
        pictures=len(rows),
        first=rows[0].digest,
        last=rows[-1].digest,
    )
    return Response(content.getvalue(), media_type="application/zip")


@router.post(
    "/{job_id}/candidate",
    summary="Publish the model of a job as a candidate",
    **allow("ml", "admin", request_body=CANDIDATE_BODY),
)
def publish_candidate(
    session: SessionDep,
    caller: CallerDep,
    job_id: PathId,
    candidate: Annotated[Candidate, Depends(read_candidate)],
) -> JobView:
    """Registered with its file and reports, or nothing at all. 409 for a stale fence, and when a picture that it learnt
    from may not be used any more. Sending the same again, when the answer was lost, is answered alike."""
    job = training_jobs.get_job(session, job_id, lock=True)
    if _is_published(session, job, candidate):
        return JobView.model_validate(job)
    job = training_jobs.held_job(session, job_id, candidate.fence)
    if job.state == "cancelling":
        faults = [Fault(field="state", message="cancelling")]
        raise ProblemError(409, f"training job {job_id} is being cancelled; end it as cancelled", errors=faults)
    training_pictures.refuse_changed(session, job)
    # whoever asked for the job has made this model, so another person approves it
    candidate.keep(session, job.requested_by)
    training_jobs.succeed(session, job, candidate.manifest.version)
    audit.append(
        session,
        actor=caller.actor,
        action="training.publish",
        subject=f"training job {job_id}",
        model=candidate.manifest.version,
        digest=candidate.manifest.digest,
        fence=candidate.fence,
    )
    return JobView.model_validate(job)


def _is_published(session: SessionDep, job: TrainingJob, candidate: Candidate) -> bool:
    if job.candidate_version is None or job.fence != candidate.fence:
        return False
    return model_versions.get_model(session, job.candidate_version).digest == candidate.manifest.digest
