"""What devices are and say, and what is made of it. Who works where and when stands in `workforce_tables`.

Rollups hold whole numbers only (milliseconds, parts per million): any order of summing gives the same row.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Identity,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field, SQLModel

Timestamp = DateTime(timezone=True)
NOW = {"server_default": func.now()}


class Device(SQLModel, table=True):
    """One Raspberry Pi. Nothing secret is kept: only the public key it proves itself with.

    `name` is the operator's. `previous_key` holds beside a new key until that is first used.
    """

    __tablename__ = "devices"
    __table_args__ = (
        Index("devices_name", "name", unique=True, postgresql_where=text("revoked_at IS NULL")),
        Index("devices_previous_key", "previous_key", unique=True),
    )
    id: int | None = Field(default=None, primary_key=True)
    public_key: bytes = Field(sa_type=LargeBinary, unique=True)
    hostname: str
    hardware: str
    agent_version: str
    enrolled_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    paused: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    name: str | None = None
    previous_key: bytes | None = Field(default=None, sa_type=LargeBinary)
    key_changed_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    key_rotation_asked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    cloned_at: datetime | None = Field(default=None, sa_type=Timestamp)


class EnrolmentCode(SQLModel, table=True):
    """A code that lets one device join, once. Only its SHA-256 is kept."""

    __tablename__ = "enrolment_codes"
    code_hash: bytes = Field(sa_type=LargeBinary, primary_key=True)
    station_id: int | None = Field(default=None, foreign_key="stations.id")
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    expires_at: datetime = Field(sa_type=Timestamp)
    used_at: datetime | None = Field(default=None, sa_type=Timestamp)
    device_id: int | None = Field(default=None, foreign_key="devices.id")


class DeviceState(SQLModel, table=True):
    """The last heartbeat of a device, whole in `report`; what is asked for often stands in columns."""

    __tablename__ = "device_states"
    device_id: int = Field(primary_key=True, foreign_key="devices.id")
    heartbeat_at: datetime = Field(sa_type=Timestamp)
    boot_id: str
    agent_version: str
    model_version: str | None = None
    model_digest: str | None = None
    next_seq: int = Field(sa_type=BigInteger)
    spooled: int | None = None
    spool_age_s: float | None = None
    clock_offset_s: float | None = None
    report: dict[str, Any] = Field(sa_type=JSONB)


class RawEvent(SQLModel, table=True):
    """One event as it was stored. Partitioned by day on the UUIDv7's own time, so a replay meets its first copy.

    `started_at` and `ended_at` are corrected; subtract `clock_shift_ms` to get what the device's clock said.
    `kind`: 1 window, 2 episode, 3 gap. Times under labels in ms, probabilities in parts per million.
    `content` is the first eight bytes of BLAKE2b over the event, to tell a replay from a conflict.
    """

    __tablename__ = "events"
    __table_args__ = (
        Index("events_device_started", "device_id", "started_at"),
        Index("events_fatigue_opened", "received_at", postgresql_where=text("condition = 2 AND phase = 1")),
        {"postgresql_partition_by": "RANGE (event_id)"},
    )
    event_id: UUID = Field(primary_key=True)
    device_id: int
    seq: int = Field(sa_type=BigInteger)
    kind: int = Field(sa_type=SmallInteger)
    started_at: datetime = Field(sa_type=Timestamp)
    ended_at: datetime = Field(sa_type=Timestamp)
    clock_shift_ms: int = Field(sa_type=BigInteger)
    received_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    content: int = Field(sa_type=BigInteger)
    model_version: str
    frames: int | None = None
    faces: int | None = None
    coverage_ppm: int | None = None
    neutral_ms: int | None = None
    stress_ms: int | None = None
    sad_ms: int | None = None
    happy_ms: int | None = None
    fatigue_ms: int | None = None
    neutral_ppm: int | None = None
    stress_ppm: int | None = None
    sad_ppm: int | None = None
    happy_ppm: int | None = None
    fatigue_ppm: int | None = None
    episode_id: UUID | None = None
    phase: int | None = Field(default=None, sa_type=SmallInteger)  # 1 open, 2 close
    condition: int | None = Field(default=None, sa_type=SmallInteger)  # 1 stress, 2 fatigue
    peak_ppm: int | None = None
    mean_ppm: int | None = None
    reason: int | None = Field(default=None, sa_type=SmallInteger)  # place in labels.GAP_REASONS, from 1
    lost: int | None = None


class DirtyWindow(SQLModel, table=True):
    """Append-only marks: this device's five minutes must be rolled up again. Written with the events, or not at all."""

    __tablename__ = "dirty_windows"
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    device_id: int
    bucket_at: datetime = Field(sa_type=Timestamp)
    marked_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class DeadLetter(SQLModel, table=True):
    """An event that was refused, with the reason; it can be sent again once the cause is gone."""

    __tablename__ = "dead_letters"
    __table_args__ = (
        # the intake asks whether a refused event lies here already, thousands of times when a device goes wrong
        Index("dead_letters_same", "device_id", text("COALESCE(event_id, ''::character varying)"), text("md5(body)")),
        Index("dead_letters_asked", "id", postgresql_where=text("replay_asked_at IS NOT NULL")),
    )
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    device_id: int
    event_id: str | None = None
    seq: int | None = Field(default=None, sa_type=BigInteger)
    reason: str
    detail: str
    body: bytes = Field(sa_type=LargeBinary)
    sent_at: datetime | None = Field(default=None, sa_type=Timestamp)
    boot_id: str | None = None
    received_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    replayed_at: datetime | None = Field(default=None, sa_type=Timestamp)
    sent_monotonic_s: float | None = None
    boot_started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    replay_asked_at: datetime | None = Field(default=None, sa_type=Timestamp)


class IntakeTally(SQLModel, table=True):
    """Append-only counts of one flush for one device; the worker folds them into `device_accounts`."""

    __tablename__ = "intake_tallies"
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    device_id: int
    stored: int
    duplicate: int
    rejected: int
    lost: int
    max_seq: int | None = Field(default=None, sa_type=BigInteger)


class DeviceAccount(SQLModel, table=True):
    """The books of one device: produced = stored + rejected + lost + still spooled; `duplicate` counts repeats."""

    __tablename__ = "device_accounts"
    device_id: int = Field(primary_key=True, foreign_key="devices.id")
    stored: int = Field(sa_type=BigInteger)
    duplicate: int = Field(sa_type=BigInteger)
    rejected: int = Field(sa_type=BigInteger)
    lost: int = Field(sa_type=BigInteger)
    max_seq: int | None = Field(default=None, sa_type=BigInteger)


class Measures(SQLModel):
    """What every rollup sums. `observed_ms`: with a usable face; `captured_ms`: camera running.

    A mean probability is `<label>_weight` / `observed_ms` parts per million: weights are ppm times observed ms.
    """

    windows: int
    captured_ms: int = Field(sa_type=BigInteger)
    observed_ms: int = Field(sa_type=BigInteger)
    neutral_ms: int = Field(sa_type=BigInteger)
    stress_ms: int = Field(sa_type=BigInteger)
    sad_ms: int = Field(sa_type=BigInteger)
    happy_ms: int = Field(sa_type=BigInteger)
    fatigue_ms: int = Field(sa_type=BigInteger)
    neutral_weight: int = Field(sa_type=BigInteger)
    stress_weight: int = Field(sa_type=BigInteger)
    sad_weight: int = Field(sa_type=BigInteger)
    happy_weight: int = Field(sa_type=BigInteger)
    fatigue_weight: int = Field(sa_type=BigInteger)
    stress_episodes: int
    fatigue_episodes: int
    model_versions: list[str] = Field(sa_type=ARRAY(TEXT))
    computed_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class WindowRollup(Measures, table=True):
    """Employee × shift × five minutes, kept apart by device so that one mark recomputes whole rows."""

    __tablename__ = "rollup_windows"
    __table_args__ = (
        PrimaryKeyConstraint("device_id", "bucket_at", "employee_id", "shift_id", "shift_date"),
        Index("rollup_windows_employee", "employee_id", "shift_date", "bucket_at"),
        Index("rollup_windows_area", "area_id", "shift_date", "shift_id"),
    )
    device_id: int
    bucket_at: datetime = Field(sa_type=Timestamp)
    employee_id: int
    shift_id: int
    shift_date: date
    area_id: int
    site_id: int


class ShiftRollup(Measures, table=True):
    """Employee × shift. `state`: provisional until the shift is over and quiet, then final; revised when it changes."""

    __tablename__ = "rollup_shifts"
    __table_args__ = (
        PrimaryKeyConstraint("employee_id", "shift_id", "shift_date"),
        Index("rollup_shifts_date", "site_id", "shift_date"),
        Index("rollup_shifts_provisional", "ends_at", postgresql_where=text("state = 'provisional'")),
    )
    employee_id: int
    shift_id: int
    shift_date: date
    site_id: int
    starts_at: datetime = Field(sa_type=Timestamp)
    ends_at: datetime = Field(sa_type=Timestamp)
    scheduled_ms: int = Field(sa_type=BigInteger)
    state: str = Field(default="provisional")
    revision: int = Field(default=0)
    finalised_at: datetime | None = Field(default=None, sa_type=Timestamp)


class AreaRollup(Measures, table=True):
    """Area × shift, over `employees` different people."""

    __tablename__ = "rollup_areas"
    __table_args__ = (
        PrimaryKeyConstraint("area_id", "shift_id", "shift_date"),
        Index("rollup_areas_date", "site_id", "shift_date"),
        Index("rollup_areas_provisional", "ends_at", postgresql_where=text("state = 'provisional'")),
    )
    area_id: int
    shift_id: int
    shift_date: date
    site_id: int
    employees: int
    starts_at: datetime = Field(sa_type=Timestamp)
    ends_at: datetime = Field(sa_type=Timestamp)
    scheduled_ms: int = Field(sa_type=BigInteger)
    state: str = Field(default="provisional")
    revision: int = Field(default=0)
    finalised_at: datetime | None = Field(default=None, sa_type=Timestamp)


class UnattributedWindow(SQLModel, table=True):
    """Observed time that belongs to nobody, and why, so that an operator can mend the roster."""

    __tablename__ = "unattributed_windows"
    __table_args__ = (PrimaryKeyConstraint("device_id", "bucket_at", "reason"),)
    device_id: int
    bucket_at: datetime = Field(sa_type=Timestamp)
    reason: str  # no_station, profile, no_shift, break, no_employee, no_consent
    windows: int
    captured_ms: int = Field(sa_type=BigInteger)


class RawHorizon(SQLModel, table=True):
    """One row: raw events that started before `kept_from` are gone, so rollups older than that stand as they are."""

    __tablename__ = "raw_horizon"
    __table_args__ = (CheckConstraint("id = 1", name="raw_horizon_one_row"),)
    id: int = Field(default=1, primary_key=True)
    kept_from: datetime = Field(sa_type=Timestamp)
