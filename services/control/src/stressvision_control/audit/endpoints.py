"""The audit: who did or looked at what."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.audit.schemas import EntryView, HeadView, LinkView
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Name
from stressvision_control.security import allow
from stressvision_store import audit, audit_chain

router = APIRouter(prefix="/v1/audit", tags=["audit"])
readers = allow("admin", "privacy")
MOST_LINKS = 5000


@router.get("", summary="List audit entries, newest first", **readers)
def list_entries(
    session: SessionDep,
    page: PageDep,
    actor: Annotated[Name | None, Query()] = None,
    action: Annotated[Name | None, Query()] = None,
    subject: Annotated[Name | None, Query()] = None,
) -> Page[EntryView]:
    rows = audit.list_entries(session, actor=actor, action=action, subject=subject, after=page.after, limit=page.limit)
    return paged([EntryView.model_validate(row) for row in rows], page.limit)


@router.get("/head", summary="Show where the audit's chain ends", **readers)
def show_head(session: SessionDep) -> HeadView:
    """Write place and hash down elsewhere: later, they show whether the chain is still the same one."""
    head = audit_chain.read_head(session)
    return HeadView(
        place=head.place,
        hash=head.hash.hex(),
        dropped_place=head.dropped_place,
        dropped_hash=head.dropped_hash.hex(),
        loose=head.loose,
    )


@router.get("/links", summary="List the links of the audit's chain, oldest first", **readers)
def list_links(
    session: SessionDep,
    limit: Annotated[int, Query(ge=1, le=MOST_LINKS, description="How many at most")] = 1000,
    after: Annotated[int, Query(ge=0, description="The `next` of the page before")] = 0,
) -> Page[LinkView]:
    """All that it takes to make the chain again elsewhere: `stressvision audit verify` does."""
    links = audit_chain.read_links(session, after=after, limit=limit)
    views = [LinkView.model_validate({**_fields(link), "hash": link.hash.hex()}) for link in links]
    return paged(views, limit, key="place")


def _fields(link: audit_chain.Link) -> dict[str, object]:
    return {name: getattr(link, name) for name in LinkView.model_fields}
