"""Figures of groups as they were published: made once, never changed, withdrawn when a person in them is erased."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Identity,
    Index,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, TSTZMULTIRANGE, Range
from sqlmodel import Field, SQLModel

from stressvision_store.workforce_tables import NOW, Timestamp

SMALLEST_GROUP = 5
"""No setting goes below."""

_SHARE = Numeric(3, 2)
_PER_HOUR = Numeric(8, 2)


def _of_day() -> ForeignKeyConstraint:
    columns = ["site_id", "shift_date"]
    return ForeignKeyConstraint(columns, [f"published_days.{column}" for column in columns], ondelete="CASCADE")


class PublishedDay(SQLModel, table=True):
    """A site's day whose figures are out: nothing is ever published of it again.

    `cells`: all that there were; `hour_cells`: hours in which somebody was observed, of published cells alone.
    """

    __tablename__ = "published_days"
    __table_args__ = (
        PrimaryKeyConstraint("site_id", "shift_date"),
        CheckConstraint(f"k >= {SMALLEST_GROUP}", name="published_days_k"),
    )
    site_id: int = Field(foreign_key="sites.id", ondelete="CASCADE")
    shift_date: date
    published_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    k: int
    cells: int
    hour_cells: int


class PublishedCell(SQLModel, table=True):
    """One area × shift × day. Shares are of observed time; None: not enough data, or the profile of then forbade it.

    `hours`: how many of its hours are published, too.
    """

    __tablename__ = "published_cells"
    __table_args__ = (
        _of_day(),
        UniqueConstraint("site_id", "shift_date", "area_id", "shift_id"),
        CheckConstraint(f"people >= {SMALLEST_GROUP}", name="published_cells_people"),
    )
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    site_id: int
    shift_date: date
    area_id: int
    shift_id: int
    people: int
    starts_at: datetime = Field(sa_type=Timestamp)
    observed_hours: int
    coverage: Decimal | None = Field(default=None, sa_type=_SHARE)
    stress_share: Decimal | None = Field(default=None, sa_type=_SHARE)
    fatigue_share: Decimal | None = Field(default=None, sa_type=_SHARE)
    sad_share: Decimal | None = Field(default=None, sa_type=_SHARE)
    happy_share: Decimal | None = Field(default=None, sa_type=_SHARE)
    stress_episodes_per_hour: Decimal | None = Field(default=None, sa_type=_PER_HOUR)
    fatigue_episodes_per_hour: Decimal | None = Field(default=None, sa_type=_PER_HOUR)
    hours: int
    model_versions: list[str] = Field(sa_type=ARRAY(TEXT))
    computed_at: datetime = Field(sa_type=Timestamp)


class PublishedHour(SQLModel, table=True):
    """An hour of a published cell, counted from the shift's start. `weekday` (1 Monday … 7) is the shift date's.

    `local_hour` is on the site's clock of then.
    """

    __tablename__ = "published_hours"
    __table_args__ = (
        PrimaryKeyConstraint("cell_id", "hour_of_shift"),
        Index("published_hours_date", "site_id", "shift_date"),
        CheckConstraint(f"people >= {SMALLEST_GROUP}", name="published_hours_people"),
    )
    cell_id: int = Field(sa_type=BigInteger, foreign_key="published_cells.id", ondelete="CASCADE")
    hour_of_shift: int = Field(sa_type=SmallInteger)
    site_id: int
    shift_date: date
    area_id: int
    shift_id: int
    hour_at: datetime = Field(sa_type=Timestamp)
    weekday: int = Field(sa_type=SmallInteger)
    local_hour: int = Field(sa_type=SmallInteger)
    people: int
    observed_hours: int
    coverage: Decimal | None = Field(default=None, sa_type=_SHARE)
    stress_share: Decimal | None = Field(default=None, sa_type=_SHARE)
    fatigue_share: Decimal | None = Field(default=None, sa_type=_SHARE)


class PublishedMember(SQLModel, table=True):
    """Who is in a published cell, so that an erasure finds it whatever the roster says by then."""

    __tablename__ = "published_members"
    __table_args__ = (
        PrimaryKeyConstraint("cell_id", "employee_id"),
        Index("published_members_employee", "employee_id"),
    )
    cell_id: int = Field(sa_type=BigInteger, foreign_key="published_cells.id", ondelete="CASCADE")
    employee_id: int


class PublishedSpan(SQLModel, table=True):
    """Which five minutes of a device a published day was made of, so that no other day counts them again."""

    __tablename__ = "published_spans"
    __table_args__ = (PrimaryKeyConstraint("device_id", "shift_date", "site_id"), _of_day())
    device_id: int
    site_id: int
    shift_date: date
    times: list[Range[datetime]] = Field(sa_type=TSTZMULTIRANGE)
