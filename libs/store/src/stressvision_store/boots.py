"""Which boots a device's key was used in: one that comes back after another took over says that the key is copied."""

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select

from stressvision_contracts.fleet import Heartbeat
from stressvision_store.fleet_tables import DeviceBoot
from stressvision_store.tables import Device

REMEMBERED: Final = 16
"""Boots of a device. Two that speak in turn are always among the latest."""

LATE: Final = timedelta(minutes=2)
"""How long after a restart a heartbeat from before it may still arrive."""


def note_boot(session: Session, device: Device, heartbeat: Heartbeat, received_at: datetime) -> bool:
    """Whether the device's key is found to be in use twice by this heartbeat. The device's row must be locked."""
    known = {
        boot.boot_id: boot
        for boot in session.exec(select(DeviceBoot).where(col(DeviceBoot.device_id) == device.id)).all()
    }
    boot = known.get(heartbeat.boot_id)
    if boot is not None and boot.superseded_at is None:
        return False
    current = next((each for each in known.values() if each.superseded_at is None), None)
    if boot is not None and current is not None and _came_late(heartbeat, boot, current, received_at):
        return False
    if current is not None:
        current.superseded_at = received_at
    if boot is None:
        _add(session, device, heartbeat, received_at, known)
        return False
    boot.superseded_at = None
    session.flush()
    found = device.cloned_at is None
    device.cloned_at = device.cloned_at or received_at
    return found


def _came_late(heartbeat: Heartbeat, boot: DeviceBoot, current: DeviceBoot, received_at: datetime) -> bool:
    """Whether the heartbeat was sent before the restart and was only long on its way."""
    superseded_at = boot.superseded_at or received_at
    return heartbeat.sent_at <= current.first_sent_at and received_at - superseded_at < LATE


def _add(
    session: Session, device: Device, heartbeat: Heartbeat, received_at: datetime, known: dict[str, DeviceBoot]
) -> None:
    session.add(
        DeviceBoot(
            device_id=device.id or 0,
            boot_id=heartbeat.boot_id,
            first_sent_at=heartbeat.sent_at,
            first_seen_at=received_at,
        )
    )
    session.flush()
    oldest = sorted(known.values(), key=lambda boot: boot.superseded_at or received_at)[: -REMEMBERED + 1]
    forgotten = [boot.boot_id for boot in oldest]
    if forgotten:
        session.execute(
            delete(DeviceBoot).where(col(DeviceBoot.device_id) == device.id, col(DeviceBoot.boot_id).in_(forgotten))
        )
