"""Areas: the groups in which trends are shown."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.areas.schemas import AreaChange, AreaView, NewArea
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Name, PathId
from stressvision_control.security import CallerDep, allow
from stressvision_store import audit, places
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Area

router = APIRouter(prefix="/v1/areas", tags=["areas"])
readers = allow("admin", "operator", "hr", "safety", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List areas", **readers)
def list_areas(
    session: SessionDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    name: Annotated[Name | None, Query()] = None,
) -> Page[AreaView]:
    rows = places.list_areas(session, site_id=site_id, name=name, after=page.after, limit=page.limit)
    return paged([AreaView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Create an area", status_code=201, **writers)
def create_area(session: SessionDep, caller: CallerDep, body: NewArea) -> AreaView:
    area = places.create_area(session, site_id=body.site_id, name=body.name)
    audit.append(session, actor=caller.actor, action="area.create", subject=f"area {area.id}", **body.model_dump())
    return AreaView.model_validate(area)


@router.get("/{area_id}", summary="Show an area", **readers)
def show_area(session: SessionDep, area_id: PathId) -> AreaView:
    return AreaView.model_validate(one(session, Area, area_id, "area"))


@router.patch("/{area_id}", summary="Rename an area", **writers)
def rename_area(session: SessionDep, caller: CallerDep, area_id: PathId, body: AreaChange) -> AreaView:
    area = places.rename_area(session, area_id, body.name)
    audit.append(session, actor=caller.actor, action="area.change", subject=f"area {area_id}", name=body.name)
    return AreaView.model_validate(area)
