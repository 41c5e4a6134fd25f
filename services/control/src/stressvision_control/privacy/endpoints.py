"""A person's rights: to see all that is kept, and to be erased; and the report of how long things are kept."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from stressvision_control.dependencies import SessionDep
from stressvision_control.fields import PathId
from stressvision_control.privacy.pages import receipt_page
from stressvision_control.privacy.schemas import ErasureRequest, ExportRequest, KeptView, Receipt, receipt_of
from stressvision_control.security import CallerDep, allow
from stressvision_store import access_export, audit, erasure, retention_report
from stressvision_store.languages import Language
from stressvision_store.paging import one
from stressvision_store.privacy_tables import Erasure

router = APIRouter(prefix="/v1/privacy", tags=["privacy"])
officers = allow("admin", "privacy")
ARCHIVE: dict[str, Any] = {
    "description": "A zip of facts.json and, in Spanish and English, HTML and PDF",
    "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
}
HTML = {"description": "A page", "content": {"text/html": {}}}


@router.post("/export", summary="Collect all that is kept of a person", **officers)
def export_person(session: SessionDep, caller: CallerDep, body: ExportRequest) -> dict[str, Any]:
    """For the person alone. `stressvision privacy export` makes readable pages of it, in Spanish and English."""
    audit.append(
        session,
        actor=caller.actor,
        action="privacy.export",
        subject=f"employee {body.employee_id}",
        reason=body.reason,
    )
    session.flush()  # so that this look is in it
    return access_export.collect(session, body.employee_id)


@router.post("/erase", summary="Erase a person", **officers)
def erase_person(session: SessionDep, caller: CallerDep, body: ErasureRequest) -> Receipt:
    """All that is kept of them, for good. What arrives later about their time is deleted, too."""
    row = erasure.erase(session, body.employee_id, confirm=body.confirm, actor=caller.actor, reason=body.reason)
    return receipt_of(row)


@router.get("/erasures", summary="List erasures", **officers)
def list_erasures(session: SessionDep) -> list[Receipt]:
    return [receipt_of(row) for row in erasure.list_erasures(session)]


@router.get("/erasures/{erasure_id}", summary="Show the receipt of an erasure", **officers)
def show_erasure(session: SessionDep, erasure_id: PathId) -> Receipt:
    return receipt_of(one(session, Erasure, erasure_id, "erasure"))


@router.get(
    "/erasures/{erasure_id}/page",
    summary="Show the receipt of an erasure as a page",
    response_class=HTMLResponse,
    **allow("admin", "privacy", response=HTML),
)
def show_receipt(session: SessionDep, erasure_id: PathId, language: Annotated[Language, Query()] = "es") -> str:
    receipt = receipt_of(one(session, Erasure, erasure_id, "erasure"))
    return receipt_page(receipt.model_dump(mode="json"), language)


@router.post("/dossier", summary="Make the data protection dossier", **allow("admin", "privacy", response=ARCHIVE))
def make_dossier(request: Request, session: SessionDep, caller: CallerDep) -> Response:
    """Impact assessment, register, model card, changes and incidents of the running system as it is now."""
    from stressvision_store.dossier import facts, rendering

    packed = rendering.archive(facts.collect(session, request.app.openapi()))
    audit.append(session, actor=caller.actor, action="privacy.dossier", subject="all sites")
    return Response(packed, media_type="application/zip", headers={"Cache-Control": "no-store"})


@router.get("/retention", summary="Report what is kept for how long, and what is kept too long", **officers)
def report_retention(session: SessionDep) -> list[KeptView]:
    return [KeptView.model_validate(line) for line in retention_report.report(session)]
