"""The keys of devices: each is one device's alone, and a new one takes over once it has been used."""

from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, or_, select, update

from stressvision_store import audit
from stressvision_store.locks import Lock, hold
from stressvision_store.paging import one
from stressvision_store.refusals import ConflictError
from stressvision_store.tables import Device


def held_keys(session: Session, device_id: int) -> tuple[bytes, ...]:
    """The keys that open the door to this device now, the one before the newest among them until that is used.

    Locked, with all keys, until the end.
    """
    hold(session, Lock.DEVICE_KEYS)
    device = one(session, Device, device_id, "device", lock=True)
    return tuple(key for key in (device.public_key, device.previous_key) if key is not None)


def holder_of(session: Session, public_key: bytes) -> Device | None:
    """The device that is known by this key, or was until its new one is used; locked, with all keys, until the end."""
    hold(session, Lock.DEVICE_KEYS)
    held = or_(col(Device.public_key) == public_key, col(Device.previous_key) == public_key)
    return session.exec(select(Device).where(held).with_for_update()).one_or_none()


def change_key(session: Session, device_id: int, public_key: bytes, *, at: datetime) -> bool:
    """Know the device by `public_key`; the key it had holds until the new one is used. False: it has that key already.

    Raise `ConflictError` for a key of another device's, or for the one that is to be replaced.
    """
    holder = holder_of(session, public_key)
    if holder is not None and holder.id != device_id:
        raise ConflictError("another device has this key; make a new one", field="public_key")
    device = holder or one(session, Device, device_id, "device", lock=True)
    if device.public_key == public_key:
        return False
    if holder is not None:
        raise ConflictError("this is the key that is to be replaced; make a new one", field="public_key")
    device.previous_key = device.previous_key or device.public_key
    device.public_key, device.key_changed_at, device.key_rotation_asked_at = public_key, at, None
    session.flush()
    audit.append(session, actor=f"device {device_id}", action="device.change_key", subject=f"device {device_id}")
    return True


def drop_previous_key(session: Session, device_id: int, used_key: bytes) -> bool:
    """The device has used its new key: the one before holds no longer. False when there was none."""
    statement = (
        update(Device)
        .where(col(Device.id) == device_id, col(Device.public_key) == used_key, col(Device.previous_key).is_not(None))
        .values(previous_key=None)
        .returning(col(Device.id))
    )
    dropped = session.execute(statement).first() is not None
    if dropped:
        audit.append(session, actor=f"device {device_id}", action="device.use_new_key", subject=f"device {device_id}")
    return dropped


def ask_rotation(session: Session, device_id: int | None = None) -> int:
    """Have one device, or all that may speak, make a new key; return how many. They learn it with a heartbeat."""
    statement = update(Device).where(col(Device.revoked_at).is_(None)).values(key_rotation_asked_at=datetime.now(UTC))
    if device_id is not None:
        if one(session, Device, device_id, "device", lock=True).revoked_at is not None:
            raise ConflictError(f"device {device_id} is revoked; enrol it anew")
        statement = statement.where(col(Device.id) == device_id)
    return session.exec(statement).rowcount


def should_rotate(device: Device, *, greatest_age: timedelta | None, at: datetime) -> bool:
    """Whether an operator asked for a new key, or the key is older than `greatest_age` (None: any age is fine)."""
    if device.key_rotation_asked_at is not None:
        return True
    return greatest_age is not None and at - device.key_changed_at > greatest_age
