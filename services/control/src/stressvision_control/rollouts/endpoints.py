"""Rollouts: a model on its way to the fleet, and the orders that people give about it."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.fields import PathId
from stressvision_control.rollouts.schemas import (
    NewRollout,
    Resuming,
    RolloutDetail,
    RolloutView,
    TargetView,
    Why,
    detail_of,
    target_of,
    view_of,
)
from stressvision_control.security import Caller, CallerDep, allow
from stressvision_store import audit
from stressvision_store.rollout_tables import TargetState
from stressvision_store.rollouts import listing, orders

router = APIRouter(prefix="/v1/rollouts", tags=["rollouts"])
readers = allow("admin", "operator", "ml")
makers = allow("admin", "operator", "ml")
operators = allow("admin", "operator")


@router.get("", summary="List rollouts, newest first", **readers)
def list_rollouts(session: SessionDep, page: PageDep) -> Page[RolloutView]:
    entries = listing.list_rollouts(session, after=page.after, limit=page.limit)
    return paged([view_of(entry) for entry in entries], page.limit)


@router.post("", summary="Plan a rollout", status_code=201, **makers)
def create_rollout(session: SessionDep, caller: CallerDep, body: NewRollout) -> RolloutDetail:
    """A draft: another person must approve it before it can be started."""
    made = orders.create(session, version=body.version, plan=body.plan, actor=caller.actor, now=datetime.now(UTC))
    return _done(session, caller, made.id or 0, "create", version=body.version)


@router.get("/{rollout_id}", summary="Show a rollout, its plan and what was found", **readers)
def show_rollout(session: SessionDep, rollout_id: PathId) -> RolloutDetail:
    return detail_of(listing.get_rollout(session, rollout_id))


@router.get("/{rollout_id}/devices", summary="List how far each device of a rollout is", **readers)
def list_rollout_devices(
    session: SessionDep, page: PageDep, rollout_id: PathId, state: Annotated[TargetState | None, Query()] = None
) -> Page[TargetView]:
    entries = listing.list_targets(session, rollout_id, state=state, after=page.after, limit=page.limit)
    return paged([target_of(entry) for entry in entries], page.limit, key="device_id")


@router.post("/{rollout_id}/approve", summary="Let a rollout be started, as another person than its maker", **makers)
def approve_rollout(session: SessionDep, caller: CallerDep, rollout_id: PathId) -> RolloutDetail:
    orders.approve(session, rollout_id, actor=caller.actor, now=datetime.now(UTC))
    return _done(session, caller, rollout_id, "approve")


@router.post(
    "/{rollout_id}/start", summary="Choose the devices of each stage and offer the model to the canary", **operators
)
def start_rollout(session: SessionDep, caller: CallerDep, rollout_id: PathId) -> RolloutDetail:
    """From here on it goes by itself: by time, by what devices confirm, and by how they do."""
    orders.start(session, rollout_id, now=datetime.now(UTC))
    return _done(session, caller, rollout_id, "start")


@router.post("/{rollout_id}/pause", summary="Offer the model to nobody else for now", **operators)
def pause_rollout(session: SessionDep, caller: CallerDep, rollout_id: PathId, body: Why) -> RolloutDetail:
    orders.pause(session, rollout_id, reason=body.reason, now=datetime.now(UTC))
    return _done(session, caller, rollout_id, "pause", reason=body.reason)


@router.post("/{rollout_id}/resume", summary="Go on where a rollout was paused", **operators)
def resume_rollout(session: SessionDep, caller: CallerDep, rollout_id: PathId, body: Resuming) -> RolloutDetail:
    orders.resume(session, rollout_id, without_comparison=body.without_comparison, now=datetime.now(UTC))
    return _done(session, caller, rollout_id, "resume", without_comparison=body.without_comparison)


@router.post("/{rollout_id}/halt", summary="Stop a rollout for good and take the model back", **operators)
def halt_rollout(session: SessionDep, caller: CallerDep, rollout_id: PathId, body: Why) -> RolloutDetail:
    """Devices are told the model before with their next heartbeat."""
    orders.halt(session, rollout_id, reason=body.reason, now=datetime.now(UTC))
    return _done(session, caller, rollout_id, "halt", reason=body.reason)


@router.post("/{rollout_id}/roll-back", summary="Take the model back, also after the rollout was complete", **operators)
def roll_back_rollout(session: SessionDep, caller: CallerDep, rollout_id: PathId, body: Why) -> RolloutDetail:
    orders.roll_back(session, rollout_id, reason=body.reason, now=datetime.now(UTC))
    return _done(session, caller, rollout_id, "roll_back", reason=body.reason)


def _done(session: Session, caller: Caller, rollout_id: int, verb: str, **detail: str | bool | None) -> RolloutDetail:
    subject = f"rollout {rollout_id}"
    audit.append(session, actor=caller.actor, action=f"rollout.{verb}", subject=subject, **detail)
    return detail_of(listing.get_rollout(session, rollout_id))
