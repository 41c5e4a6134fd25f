"""The bytes of a model, and what is to be read about it."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from stressvision_control.dependencies import Octets, SessionDep
from stressvision_control.models.endpoints import Version, readers
from stressvision_control.models.schemas import FileView, ReportView
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, model_files, model_reports, model_versions

router = APIRouter(prefix="/v1/models/{version}", tags=["models"])

BYTES = {"schema": {"type": "string", "format": "binary"}}
OCTETS = {"content": {"application/octet-stream": BYTES}}
ReportName = Annotated[str, Path(max_length=100, description="Ends in .md, .html, .png, .json or .csv")]


@router.put("/file", summary="Upload the model file", **allow("admin", "ml", request_body={"required": True, **OCTETS}))
def put_file(session: SessionDep, caller: CallerDep, version: Version, content: Octets) -> FileView:
    """422 unless its SHA-256 is the manifest's digest."""
    is_new = model_files.keep_file(session, version, content)
    if is_new:
        audit.append(session, actor=caller.actor, action="model.file", subject=f"model {version}", size=len(content))
    return FileView(size_bytes=len(content), is_new=is_new)


@router.get(
    "/file",
    summary="Download the model file",
    response_class=Response,
    **allow("admin", "operator", "ml", response=OCTETS),
)
def get_file(session: SessionDep, version: Version) -> Response:
    content = model_files.load_file(session, model_versions.get_model(session, version).digest)
    return Response(content, media_type="application/octet-stream")


@router.get("/reports", summary="List what is to be read about a model", **readers)
def list_reports(session: SessionDep, version: Version) -> list[ReportView]:
    return [ReportView.model_validate(each) for each in model_reports.list_reports(session, version)]


@router.put(
    "/reports/{name}",
    summary="Upload a report or the card (README.md)",
    **allow("admin", "ml", request_body={"required": True, **OCTETS}),
)
def put_report(session: SessionDep, caller: CallerDep, version: Version, name: ReportName, content: Octets) -> FileView:
    """Until the model is judged."""
    is_new = model_reports.keep(session, version, name, content)
    if is_new:
        subject = f"model {version}"
        audit.append(session, actor=caller.actor, action="model.report", subject=subject, name=name)
    return FileView(size_bytes=len(content), is_new=is_new)


@router.get(
    "/reports/{name}",
    summary="Read a report or the card",
    response_class=Response,
    **allow("admin", "operator", "ml", response=OCTETS),
)
def get_report(session: SessionDep, version: Version, name: ReportName) -> Response:
    """A page runs no script and loads nothing from elsewhere: whoever trains models writes it, and others open it."""
    kind = model_reports.media_type(name)
    headers = {
        "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(model_reports.load(session, version, name), media_type=kind, headers=headers)
