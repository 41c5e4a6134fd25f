"""Dead letters: the events that were refused, and why."""

from typing import Annotated, Final

from fastapi import APIRouter, Query

from stressvision_control.dead_letters.schemas import DeadLetterView, Replay, ReplayAsked
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Name
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, fleet, replays

router = APIRouter(prefix="/v1/dead-letters", tags=["dead letters"])


_UNSEEN: Final = {"body", "sent_at", "boot_id", "sent_monotonic_s", "boot_started_at"}


@router.get("", summary="List refused events, newest first", **allow("admin", "operator"))
def list_dead_letters(
    session: SessionDep,
    page: PageDep,
    device_id: Annotated[Id | None, Query()] = None,
    reason: Annotated[Name | None, Query()] = None,
) -> Page[DeadLetterView]:
    rows = fleet.list_dead_letters(session, device_id=device_id, reason=reason, after=page.after, limit=page.limit)
    return paged(
        [DeadLetterView(size_bytes=len(row.body), **row.model_dump(exclude=_UNSEEN)) for row in rows],
        page.limit,
    )


@router.post("/replays", summary="Have refused events sent again", status_code=202, **allow("admin", "operator"))
def replay_dead_letters(session: SessionDep, caller: CallerDep, body: Replay) -> ReplayAsked:
    """The intake judges them anew within seconds: what is refused again stays, with the reason it has then."""
    letters = replays.ask(session, device_id=body.device_id, reason=body.reason, since=body.since)
    wanted = body.model_dump(mode="json", exclude_none=True)
    audit.append(session, actor=caller.actor, action="dead_letters.replay", subject="dead letters", **wanted, n=letters)
    return ReplayAsked(letters=letters)
