"""The roster as one CSV file, in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import UploadFile

from stressvision_control.dependencies import SessionDep
from stressvision_control.errors import BadRosterError, ProblemError
from stressvision_control.fields import Id
from stressvision_control.roster.schemas import RosterReport
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, roster
from stressvision_store.paging import one
from stressvision_store.roster_csv import write_roster
from stressvision_store.roster_export import export_roster
from stressvision_store.workforce_tables import Site

router = APIRouter(prefix="/v1/roster", tags=["roster"])

FILE_SCHEMA = {"type": "string", "format": "binary"}
CSV_BODY = {
    "required": True,
    "content": {
        "text/csv": {"schema": FILE_SCHEMA},
        "multipart/form-data": {"schema": {"type": "object", "properties": {"file": FILE_SCHEMA}}},
    },
}


async def read_body(request: Request) -> bytes:
    """The file, sent as the body itself or as the field `file` of a form."""
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form(max_files=1) as form:
            file = form.get("file")
            data = await file.read() if isinstance(file, UploadFile) else b""
    else:
        data = await request.body()
    if not data.strip():
        raise ProblemError(422, "there is no roster in the body; send the CSV file as text/csv")
    return data


@router.post(
    "",
    summary="Import a roster, all of it or nothing",
    **allow("admin", "operator", request_body=CSV_BODY),
)
def import_roster(
    session: SessionDep,
    caller: CallerDep,
    data: Annotated[bytes, Depends(read_body)],
    dry_run: Annotated[bool, Query(description="Only tell what would happen, and every line that is bad")] = False,
) -> RosterReport:
    """A dry run answers 200 with the report. An import with a bad line changes nothing and answers 422."""
    outcome = roster.import_roster(session, data, dry_run=dry_run)
    report = RosterReport.model_validate(outcome)
    if report.bad and not dry_run:
        raise BadRosterError(outcome.bad)
    audit.append(
        session,
        actor=caller.actor,
        action="roster.try" if dry_run else "roster.import",
        subject="roster",
        lines=report.lines,
        changes=len(report.changes),
    )
    return report


@router.get(
    "",
    summary="Export the roster in the form in which it is imported",
    response_class=Response,
    **allow("admin", "operator", "privacy", response={"content": {"text/csv": {"schema": FILE_SCHEMA}}}),
)
def export_as_csv(session: SessionDep, caller: CallerDep, site_id: Annotated[Id | None, Query()] = None) -> Response:
    """Names are filled in for the roles admin and privacy; badges never, for only hashes are kept."""
    if site_id is not None:
        one(session, Site, site_id, "site")
    with_names = bool(caller.roles & {"admin", "privacy"})
    body = write_roster(export_roster(session, site_id=site_id, with_names=with_names))
    subject = f"site {site_id}" if site_id is not None else "all sites"
    audit.append(session, actor=caller.actor, action="roster.export", subject=subject, with_names=with_names)
    return Response(
        body,
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="roster.csv"'},
    )
