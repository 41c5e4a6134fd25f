"""Sites: where people work, in which time zone, under which privacy profile."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, Name, PathId
from stressvision_control.security import CallerDep, allow
from stressvision_control.sites.schemas import NewSite, ProfileChangeView, ProfileWish, SiteChange, SiteView
from stressvision_store import audit, places, profiles
from stressvision_store.paging import one
from stressvision_store.privacy_tables import ProfileChange
from stressvision_store.workforce_tables import Site

router = APIRouter(prefix="/v1/sites", tags=["sites"])
readers = allow("admin", "operator", "hr", "safety", "ml", "privacy")
writers = allow("admin", "operator")
deciders = allow("admin", "privacy")


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


@router.put("/{site_id}/profile", summary="Narrow or propose to widen what may exist at a site", **deciders)
def change_profile(
    session: SessionDep, caller: CallerDep, site_id: PathId, body: ProfileWish, response: Response
) -> ProfileChangeView:
    """A stricter profile holds at once. A wider one needs a reason and another person's confirmation (202).

    Devices learn it with their next heartbeat; an off switch on the device wins.
    """
    change = profiles.change_profile(session, site_id, body.profile, actor=caller.actor, reason=body.reason)
    response.status_code = 200 if change.state == "applied" else 202
    return _noted(session, caller, change, "site.profile" if change.state == "applied" else "site.propose_profile")


changes = APIRouter(prefix="/v1/profile-changes", tags=["sites"])


@changes.get("", summary="List changes of profiles, newest first", **deciders)
def list_changes(
    session: SessionDep, page: PageDep, site_id: Annotated[Id | None, Query()] = None
) -> Page[ProfileChangeView]:
    rows = profiles.list_changes(session, site_id=site_id, after=page.after, limit=page.limit)
    return paged([ProfileChangeView.model_validate(row) for row in rows], page.limit)


@changes.post("/{change_id}/confirm", summary="Confirm what another person proposed", **deciders)
def confirm_change(session: SessionDep, caller: CallerDep, change_id: PathId) -> ProfileChangeView:
    """The wider profile holds from now on."""
    change = profiles.confirm_change(session, change_id, actor=caller.actor)
    return _noted(session, caller, change, "site.profile")


@changes.post("/{change_id}/reject", summary="Reject a proposed profile", **deciders)
def reject_change(session: SessionDep, caller: CallerDep, change_id: PathId) -> ProfileChangeView:
    change = profiles.reject_change(session, change_id, actor=caller.actor)
    return _noted(session, caller, change, "site.reject_profile")


def _noted(session: SessionDep, caller: CallerDep, change: ProfileChange, action: str) -> ProfileChangeView:
    audit.append(
        session,
        actor=caller.actor,
        action=action,
        subject=f"site {change.site_id}",
        change=change.id,
        before=change.before,
        after=change.after,
        proposed_by=change.proposed_by,
        reason=change.reason,
    )
    return ProfileChangeView.model_validate(change)
