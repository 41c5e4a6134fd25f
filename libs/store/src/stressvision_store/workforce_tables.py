"""Who works where and when. People are pseudonyms everywhere but in `employee_names`."""

from datetime import date, datetime, time
from typing import Any

from sqlalchemy import BigInteger, DateTime, Index, LargeBinary, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field, SQLModel

Timestamp = DateTime(timezone=True)
NOW = {"server_default": func.now()}


class Site(SQLModel, table=True):
    """`time_zone` is an IANA name; `profile` one of labels.SiteProfile."""

    __tablename__ = "sites"
    id: int | None = Field(default=None, primary_key=True)
    name: str = Field(unique=True)
    time_zone: str
    profile: str = Field(default="safety", sa_column_kwargs={"server_default": "safety"})


class Area(SQLModel, table=True):
    __tablename__ = "areas"
    __table_args__ = (UniqueConstraint("site_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    site_id: int = Field(foreign_key="sites.id")
    name: str


class Station(SQLModel, table=True):
    __tablename__ = "stations"
    __table_args__ = (UniqueConstraint("area_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    area_id: int = Field(foreign_key="areas.id")
    name: str


class Placement(SQLModel, table=True):
    """Which device stood at which station, from when to when (open while `removed_at` is null)."""

    __tablename__ = "placements"
    id: int | None = Field(default=None, primary_key=True)
    device_id: int = Field(foreign_key="devices.id", index=True)
    station_id: int = Field(foreign_key="stations.id", index=True)
    placed_at: datetime = Field(sa_type=Timestamp)
    removed_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Employee(SQLModel, table=True):
    __tablename__ = "employees"
    id: int | None = Field(default=None, primary_key=True)
    site_id: int = Field(foreign_key="sites.id")
    pseudonym: str = Field(unique=True)
    badge_hash: bytes | None = Field(default=None, sa_type=LargeBinary, unique=True)


class EmployeeName(SQLModel, table=True):
    """The only table that knows a name."""

    __tablename__ = "employee_names"
    employee_id: int = Field(primary_key=True, foreign_key="employees.id")
    name: str


class Shift(SQLModel, table=True):
    """A shift of a site in its local time. When `ends` is not after `starts` it runs over midnight.

    `weekdays`: ISO days (1 Monday … 7 Sunday) on which it starts.
    """

    __tablename__ = "shifts"
    __table_args__ = (UniqueConstraint("site_id", "name"),)
    id: int | None = Field(default=None, primary_key=True)
    site_id: int = Field(foreign_key="sites.id")
    name: str
    starts: time
    ends: time
    weekdays: list[int] = Field(
        sa_type=ARRAY(BigInteger),
        sa_column_kwargs={"server_default": text("'{1,2,3,4,5,6,7}'")},
    )


class ShiftBreak(SQLModel, table=True):
    """Local time of a break; before the shift's start it means the day after (a shift over midnight)."""

    __tablename__ = "shift_breaks"
    id: int | None = Field(default=None, primary_key=True)
    shift_id: int = Field(foreign_key="shifts.id", index=True)
    starts: time
    ends: time


class Assignment(SQLModel, table=True):
    """The roster: this employee, at this station, in this shift, from `first_date` to `last_date`."""

    __tablename__ = "assignments"
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int = Field(foreign_key="employees.id", index=True)
    station_id: int = Field(foreign_key="stations.id", index=True)
    shift_id: int = Field(foreign_key="shifts.id")
    first_date: date
    last_date: date | None = None


class CheckIn(SQLModel, table=True):
    """A badge held to a station's reader; it outranks the roster until check-out, the next badge or the shift's end."""

    __tablename__ = "check_ins"
    __table_args__ = (
        Index("check_ins_station", "station_id", "checked_in_at"),
        Index("check_ins_employee", "employee_id", "checked_in_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int = Field(foreign_key="employees.id")
    station_id: int = Field(foreign_key="stations.id")
    checked_in_at: datetime = Field(sa_type=Timestamp)
    checked_out_at: datetime | None = Field(default=None, sa_type=Timestamp)


class Consent(SQLModel, table=True):
    """A person's consent to a version of the notice; without one that is active at the time, nothing is attributed.

    `language`: of the text the person was given. `recorded_by`, `withdrawn_by`: who wrote it down here.
    """

    __tablename__ = "consents"
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int = Field(foreign_key="employees.id", index=True)
    notice_version: str
    given_at: datetime = Field(sa_type=Timestamp)
    withdrawn_at: datetime | None = Field(default=None, sa_type=Timestamp)
    language: str | None = None
    recorded_by: str | None = None
    withdrawn_by: str | None = None


class ApiToken(SQLModel, table=True):
    """A person's or a tool's access to the control API. Only the SHA-256 of the token is kept."""

    __tablename__ = "api_tokens"
    id: int | None = Field(default=None, primary_key=True)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    name: str
    roles: list[str] = Field(sa_type=ARRAY(TEXT))
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    expires_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)


class AuditEntry(SQLModel, table=True):
    """Who did or looked at what. Append-only."""

    __tablename__ = "audit"
    __table_args__ = (Index("audit_subject", "subject", postgresql_ops={"subject": "text_pattern_ops"}),)
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True)
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    actor: str
    action: str
    subject: str
    detail: dict[str, Any] = Field(sa_type=JSONB)
