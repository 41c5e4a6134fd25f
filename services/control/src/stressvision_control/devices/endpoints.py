"""Devices: how they are, where they stand, and the switches an operator has."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.devices.schemas import (
    Asked,
    DeviceDetail,
    DeviceView,
    FleetSummaryView,
    Naming,
    Placing,
    detail_of,
    view_of,
)
from stressvision_control.fields import Id, PathId
from stressvision_control.security import Caller, CallerDep, allow
from stressvision_store import audit, fleet, keys
from stressvision_store.fleet_states import FleetState, summarise

router = APIRouter(prefix="/v1/devices", tags=["devices"])
readers = allow("admin", "operator", "ml")
operators = allow("admin", "operator")


@router.get("", summary="List devices", **readers)
def list_devices(
    session: SessionDep,
    page: PageDep,
    site_id: Annotated[Id | None, Query()] = None,
    state: Annotated[FleetState | None, Query()] = None,
) -> Page[DeviceView]:
    entries = fleet.list_devices(session, site_id=site_id, condition=state, after=page.after, limit=page.limit)
    return paged([view_of(entry) for entry in entries], page.limit)


@router.get("/summary", summary="Count devices by how they are and what they run", **readers)
def summarise_devices(session: SessionDep) -> FleetSummaryView:
    return FleetSummaryView.model_validate(summarise(session))


@router.post("/key-rotations", summary="Have every device make a new key", **operators)
def rotate_keys(session: SessionDep, caller: CallerDep) -> Asked:
    """They learn it with their next heartbeat; the old key of each holds until its new one is used."""
    asked = keys.ask_rotation(session)
    audit.append(session, actor=caller.actor, action="device.rotate_key", subject="devices", n=asked)
    return Asked(devices=asked)


@router.get("/{device_id}", summary="Show a device, its last heartbeat and its books", **readers)
def show_device(session: SessionDep, device_id: PathId) -> DeviceDetail:
    return detail_of(fleet.get_device(session, device_id))


@router.patch("/{device_id}", summary="Give a device a name of your own", **operators)
def rename_device(session: SessionDep, caller: CallerDep, device_id: PathId, body: Naming) -> DeviceDetail:
    """It is shown in the place of the hostname; null takes it away."""
    fleet.rename_device(session, device_id, name=body.name)
    return _changed(session, caller, device_id, "device.rename")


@router.post("/{device_id}/rotate-key", summary="Have a device make a new key", **operators)
def rotate_key(session: SessionDep, caller: CallerDep, device_id: PathId) -> DeviceDetail:
    """It learns it with its next heartbeat; its old key holds until the new one is used."""
    keys.ask_rotation(session, device_id)
    return _changed(session, caller, device_id, "device.rotate_key")


@router.post("/{device_id}/clear-alarm", summary="Say that the key of a device is in use once again only", **operators)
def clear_alarm(session: SessionDep, caller: CallerDep, device_id: PathId) -> DeviceDetail:
    """If a copy still speaks, the alarm is back within two heartbeats."""
    fleet.clear_alarm(session, device_id)
    return _changed(session, caller, device_id, "device.clear_alarm")


@router.post("/{device_id}/pause", summary="Have a device look away", **operators)
def pause_device(session: SessionDep, caller: CallerDep, device_id: PathId) -> DeviceDetail:
    """It learns it with its next heartbeat, and records a gap."""
    fleet.set_paused(session, device_id, paused=True)
    return _changed(session, caller, device_id, "device.pause")


@router.post("/{device_id}/resume", summary="Have a paused device look again", **operators)
def resume_device(session: SessionDep, caller: CallerDep, device_id: PathId) -> DeviceDetail:
    fleet.set_paused(session, device_id, paused=False)
    return _changed(session, caller, device_id, "device.resume")


@router.post("/{device_id}/revoke", summary="Shut a device out for good", **operators)
def revoke_device(session: SessionDep, caller: CallerDep, device_id: PathId) -> DeviceDetail:
    """Its requests are refused from now on; to come back it must enrol anew."""
    fleet.revoke_device(session, device_id)
    return _changed(session, caller, device_id, "device.revoke")


@router.put("/{device_id}/placement", summary="Say at which station a device stands, and since when", **operators)
def place_device(session: SessionDep, caller: CallerDep, device_id: PathId, body: Placing) -> DeviceDetail:
    """What it has seen since then is attributed anew."""
    at = body.at or datetime.now(UTC)
    fleet.move_device(session, device_id, station_id=body.station_id, at=at)
    return _changed(session, caller, device_id, "device.place", station_id=body.station_id, at=at.isoformat())


def _changed(session: Session, caller: Caller, device_id: int, action: str, **detail: int | str | None) -> DeviceDetail:
    audit.append(session, actor=caller.actor, action=action, subject=f"device {device_id}", **detail)
    return detail_of(fleet.get_device(session, device_id))
