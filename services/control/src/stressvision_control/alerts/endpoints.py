"""Alerts: what was raised, who saw to it, what came of it, and how often the rule was right."""

from typing import Annotated

from fastapi import APIRouter, Query

from stressvision_control.alerts.schemas import (
    AlertView,
    Closing,
    RuleView,
    SiteWishes,
    SiteWishesView,
    State,
    rule_view,
    view_of,
    wishes_view,
)
from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import Id, PathId
from stressvision_control.security import CallerDep, allow
from stressvision_store import alerts, audit
from stressvision_store.alert_tables import AlertSettings
from stressvision_store.alerts_raising import settings_of
from stressvision_store.paging import one
from stressvision_store.workforce_tables import Site

router = APIRouter(prefix="/v1/alerts", tags=["alerts"])
handlers = allow("admin", "operator", "safety")


@router.get("", summary="List alerts, the newest first", **handlers)
def list_alerts(
    session: SessionDep,
    caller: CallerDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    state: Annotated[State | None, Query(description="Suppressed ones are left out unless asked for")] = None,
) -> Page[AlertView]:
    """Whoever knows the roster knows whom an alert is about: so the look is kept in the audit."""
    rows = alerts.list_alerts(session, site_id=site_id, state=state, after=page.after, limit=page.limit)
    subject = f"site {site_id}" if site_id is not None else "all sites"
    audit.append(session, actor=caller.actor, action="alert.list", subject=subject, shown=len(rows))
    return paged([view_of(row) for row in rows], page.limit)


@router.get("/rules", summary="How often each rule was right", **handlers)
def list_alert_rules(session: SessionDep) -> list[RuleView]:
    return [rule_view(rule) for rule in alerts.rules(session)]


@router.get("/settings/{site_id}", summary="Show a site's wishes about alerts", **handlers)
def show_alert_settings(session: SessionDep, site_id: PathId) -> SiteWishesView:
    one(session, Site, site_id, "site")
    return wishes_view(settings_of(session, site_id))


@router.put("/settings/{site_id}", summary="Set a site's wishes about alerts", **handlers)
def set_alert_settings(session: SessionDep, caller: CallerDep, site_id: PathId, body: SiteWishes) -> SiteWishesView:
    """What is left out goes back to its default."""
    kept = alerts.change_settings(session, AlertSettings(site_id=site_id, **body.model_dump()))
    audit.append(
        session,
        actor=caller.actor,
        action="alerts.settings",
        subject=f"site {site_id}",
        **body.model_dump(mode="json"),
    )
    return wishes_view(kept)


@router.get("/{alert_id}", summary="Show an alert", **handlers)
def show_alert(session: SessionDep, caller: CallerDep, alert_id: PathId) -> AlertView:
    place = alerts.show_alert(session, alert_id)
    about = place.alert.employee_id
    subject = f"employee {about}" if about is not None else f"alert {alert_id}"
    audit.append(session, actor=caller.actor, action="alert.read", subject=subject, alert_id=alert_id)
    return view_of(place)


@router.post("/{alert_id}/acknowledge", summary="Somebody sees to it", **handlers)
def acknowledge_alert(session: SessionDep, caller: CallerDep, alert_id: PathId) -> AlertView:
    if alerts.acknowledge(session, alert_id, actor=caller.actor):
        audit.append(session, actor=caller.actor, action="alert.acknowledge", subject=f"alert {alert_id}")
    session.flush()
    return view_of(alerts.show_alert(session, alert_id))


@router.post("/{alert_id}/close", summary="It is over, and this came of it", **handlers)
def close_alert(session: SessionDep, caller: CallerDep, alert_id: PathId, body: Closing) -> AlertView:
    if alerts.close(session, alert_id, outcome=body.outcome, actor=caller.actor):
        audit.append(
            session, actor=caller.actor, action="alert.close", subject=f"alert {alert_id}", outcome=body.outcome
        )
    session.flush()
    return view_of(alerts.show_alert(session, alert_id))
