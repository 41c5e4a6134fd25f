"""The audit: who did or looked at what."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.audit.schemas import EntryView
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Name
from stressvision_control.security import allow
from stressvision_store import audit

router = APIRouter(prefix="/v1/audit", tags=["audit"])


@router.get("", summary="List audit entries, newest first", **allow("admin", "privacy"))
def list_entries(
    session: SessionDep,
    page: PageDep,
    actor: Annotated[Name | None, Query()] = None,
    action: Annotated[Name | None, Query()] = None,
    subject: Annotated[Name | None, Query()] = None,
) -> Page[EntryView]:
    rows = audit.list_entries(session, actor=actor, action=action, subject=subject, after=page.after, limit=page.limit)
    return paged([EntryView.model_validate(row) for row in rows], page.limit)
