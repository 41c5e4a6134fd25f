"""Dead letters: the events that were refused, and why."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dead_letters.schemas import DeadLetterView
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Name
from stressvision_control.security import allow
from stressvision_store import fleet

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])


@router.get("", summary="List refused events, newest first", **allow("admin", "operator"))
def list_dead_letters(
    session: SessionDep,
    page: PageDep,
    device_id: Annotated[Id | None, Query()] = None,
    reason: Annotated[Name | None, Query()] = None,
) -> Page[DeadLetterView]:
    rows = fleet.list_dead_letters(session, device_id=device_id, reason=reason, after=page.after, limit=page.limit)
    return paged(
        [
            DeadLetterView(size_bytes=len(row.body), **row.model_dump(exclude={"body", "sent_at", "boot_id"}))
            for row in rows
        ],
        page.limit,
    )
