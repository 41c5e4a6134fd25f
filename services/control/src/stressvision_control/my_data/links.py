"""Links to a person's own page: made and revoked by a privacy officer, who hands them over."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Body, Id, PathId, View
from stressvision_control.security import CallerDep, allow
from stressvision_store import personal_links
from stressvision_store.personal_links import MOST_DAYS

router = APIRouter(prefix="/v1/privacy/links", tags=["privacy"])
officers = allow("admin", "privacy")


class NewLink(Body):
    employee_id: Id
    days: Annotated[int, Field(ge=1, le=MOST_DAYS)] = 30


class LinkView(View):
    id: int
    employee_id: int
    made_by: str
    made_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None


class MadeLink(LinkView):
    """`path`: of the page, key included. It is shown this once and kept nowhere."""

    path: str


@router.post("", summary="Make a link to a person's own page", status_code=201, **officers)
def make_personal_link(session: SessionDep, caller: CallerDep, body: NewLink) -> MadeLink:
    """Hand it to the person and to nobody else: whoever has it is taken for them."""
    row, key = personal_links.make_link(session, body.employee_id, days=body.days, actor=caller.actor)
    return MadeLink(**LinkView.model_validate(row).model_dump(), path=f"/my-data/{key}")


@router.get("", summary="List links, without their keys", **officers)
def list_personal_links(
    session: SessionDep, page: PageDep, employee_id: Annotated[Id | None, Query()] = None
) -> Page[LinkView]:
    rows = personal_links.list_links(session, employee_id=employee_id, after=page.after, limit=page.limit)
    return paged([LinkView.model_validate(row) for row in rows], page.limit)


@router.delete("/{link_id}", summary="Revoke a link", **officers)
def revoke_personal_link(session: SessionDep, caller: CallerDep, link_id: PathId) -> LinkView:
    return LinkView.model_validate(personal_links.revoke_link(session, link_id, actor=caller.actor))
