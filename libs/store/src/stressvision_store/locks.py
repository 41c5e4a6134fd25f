"""Advisory locks that are held for the whole platform: all their keys, so that no two things share one by mistake."""

from enum import IntEnum, unique

from sqlalchemy import text
from sqlmodel import Session


@unique
class Lock(IntEnum):
    ROLES = 0x53560001
    MIGRATIONS = 0x53560002
    PARTITIONS = 0x53560003
    """Taken by the functions that make partitions (`0001_partitions.sql`)."""
    RAW_EVENTS = 0x53560004
    """Held shared while raw events are read; the keeper of the partitions holds it alone while it drops one."""
    DESIRED_MODEL = 0x53560005
    REPOSITORY = 0x53560006
    DEVICE_KEYS = 0x53560007
    ROLLOUTS = 0x53560008
    ALERTS = 0x53560009
    LOOKS = 0x5356000A
    ROSTER_IMPORT = 0x5356000B


def hold(session: Session, lock: Lock) -> None:
    """Wait for it, and keep it until the transaction ends."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": lock.value})


def try_hold(session: Session, lock: Lock) -> bool:
    """As `hold`, without waiting: False when somebody else has it."""
    return bool(session.scalar(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": lock.value}))
