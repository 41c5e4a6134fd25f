"""Notices: what people are told, kept word for word."""

from typing import Annotated

from fastapi import APIRouter, Path

from stressvision_control.dependencies import SessionDep
from stressvision_control.privacy.schemas import NewNotice, NoticeSummary, NoticeView, Version
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, notices
from stressvision_store.languages import Language

router = APIRouter(prefix="/v1/notices", tags=["consents"])
readers = allow("admin", "operator", "privacy")


@router.get("", summary="List notices, newest first", **readers)
def list_notices(session: SessionDep) -> list[NoticeSummary]:
    return [NoticeSummary.model_validate(row) for row in notices.list_notices(session)]


@router.post("", summary="Publish a notice in both languages", status_code=201, **allow("admin", "privacy"))
def publish_notice(session: SessionDep, caller: CallerDep, body: NewNotice) -> list[NoticeSummary]:
    """It is never changed: other words are another version."""
    rows = notices.publish_notice(session, body.version, {"es": body.es, "en": body.en}, actor=caller.actor)
    digests = {row.language: row.digest for row in rows}
    subject = f"notice {body.version}"
    audit.append(session, actor=caller.actor, action="notice.publish", subject=subject, digests=digests)
    return [NoticeSummary.model_validate(row) for row in rows]


@router.get("/{version}/{language}", summary="Show a notice's words", **readers)
def show_notice(session: SessionDep, version: Annotated[Version, Path()], language: Language) -> NoticeView:
    return NoticeView.model_validate(notices.get_notice(session, version, language))
