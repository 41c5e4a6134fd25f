"""Devices: how they are, where they stand, and the switches an operator has."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session

from stressvision_control.dependencies import Page, PageDep, SessionDep, paged
from stressvision_control.devices.schemas import DeviceDetail, DeviceView, Placing, detail_of, view_of
from stressvision_control.fields import Id, PathId
from stressvision_control.security import Caller, CallerDep, allow
from stressvision_store import audit, fleet

router = APIRouter(prefix="/v1/devices", tags=["devices"])
readers = allow("admin", "operator", "ml")
operators = allow("admin", "operator")


@router.get("", summary="List devices", **readers)
def list_devices(session: SessionDep, page: PageDep, site_id: Annotated[Id | None, Query()] = None) -> Page[DeviceView]:
    entries = fleet.list_devices(session, site_id=site_id, after=page.after, limit=page.limit)
    return paged([view_of(entry) for entry in entries], page.limit)


@router.get("/{device_id}", summary="Show a device, its last heartbeat and its books", **readers)
def show_device(session: SessionDep, device_id: PathId) -> DeviceDetail:
    return detail_of(fleet.get_device(session, device_id))


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
