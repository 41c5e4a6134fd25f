"""Sites: where people work, in which time zone, under which privacy profile."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Name, PathId
from stressvision_control.security import CallerDep, allow
from stressvision_control.sites.schemas import NewSite, ProfileChange, SiteChange, SiteView
from stressvision_store import audit, places
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Site

router = APIRouter(prefix="/v1/sites", tags=["sites"])
readers = allow("admin", "operator", "hr", "safety", "ml", "privacy")
writers = allow("admin", "operator")


@router.get("", summary="List sites", **readers)
def list_sites(session: SessionDep, page: PageDep, name: Annotated[Name | None, Query()] = None) -> Page[SiteView]:
    rows = places.list_sites(session, name=name, after=page.after, limit=page.limit)
    return paged([SiteView.model_validate(row) for row in rows], page.limit)


@router.post("", summary="Create a site", status_code=201, **writers)
def create_site(session: SessionDep, caller: CallerDep, body: NewSite) -> SiteView:
    site = places.create_site(session, name=body.name, time_zone=body.time_zone, profile=body.profile)
    audit.append(session, actor=caller.actor, action="site.create", subject=f"site {site.id}", **body.model_dump())
    return SiteView.model_validate(site)


@router.get("/{site_id}", summary="Show a site", **readers)
def show_site(session: SessionDep, site_id: PathId) -> SiteView:
    return SiteView.model_validate(one(session, Site, site_id, "site"))


@router.patch("/{site_id}", summary="Rename a site or correct its time zone", **writers)
def change_site(session: SessionDep, caller: CallerDep, site_id: PathId, body: SiteChange) -> SiteView:
    """Another time zone moves every shift, so all that was observed at the site is rolled up again."""
    site = places.change_site(session, site_id, name=body.name, time_zone=body.time_zone)
    audit.append(
        session,
        actor=caller.actor,
        action="site.change",
        subject=f"site {site_id}",
        **body.model_dump(exclude_unset=True),
    )
    return SiteView.model_validate(site)


@router.put("/{site_id}/profile", summary="Set which classes may exist at a site", **allow("admin", "privacy"))
def set_profile(session: SessionDep, caller: CallerDep, site_id: PathId, body: ProfileChange) -> SiteView:
    """Devices learn it with their next heartbeat; an off switch on the device wins."""
    before = one(session, Site, site_id, "site").profile
    site = places.set_profile(session, site_id, body.profile)
    audit.append(
        session,
        actor=caller.actor,
        action="site.profile",
        subject=f"site {site_id}",
        before=before,
        after=body.profile,
    )
    return SiteView.model_validate(site)
