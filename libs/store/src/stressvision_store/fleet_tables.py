"""What is kept of the fleet besides the devices themselves."""

from datetime import datetime

from sqlalchemy import PrimaryKeyConstraint
from sqlmodel import Field, SQLModel

from stressvision_store.tables import Timestamp


class DeviceBoot(SQLModel, table=True):
    """A boot in which a device's key was used. All but the last are superseded; the oldest are forgotten.

    `first_sent_at` is the device's own clock, `first_seen_at` ours.
    """

    __tablename__ = "device_boots"
    __table_args__ = (PrimaryKeyConstraint("device_id", "boot_id"),)
    device_id: int = Field(foreign_key="devices.id")
    boot_id: str
    first_sent_at: datetime = Field(sa_type=Timestamp)
    first_seen_at: datetime = Field(sa_type=Timestamp)
    superseded_at: datetime | None = Field(default=None, sa_type=Timestamp)
