"""What stands between a person and those who want to see their figures: looks, objections, links to their own page."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, text
from sqlmodel import Field, SQLModel

from stressvision_store.workforce_tables import NOW, Timestamp


class Look(SQLModel, table=True):
    """An officer's reason to look at one person, and until when it holds. It is ended early, and never made longer."""

    __tablename__ = "looks"
    __table_args__ = (
        CheckConstraint("length(reason) >= 10", name="looks_reason"),
        CheckConstraint("until > since AND until <= since + interval '8 hours'", name="looks_time"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="looks_end"),
        Index("looks_until", "until"),
        Index("looks_employee", "employee_id", "since"),
    )
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int = Field(foreign_key="employees.id", ondelete="CASCADE")
    officer: str
    reason: str
    since: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    until: datetime = Field(sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
    ended_by: str | None = None


class Objection(SQLModel, table=True):
    """A person's objection in their words. From `raised_at` to `ended_at` nothing is attributed to them."""

    __tablename__ = "objections"
    __table_args__ = (
        Index("objections_one_open", "employee_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("objections_employee", "employee_id", "raised_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int = Field(foreign_key="employees.id", ondelete="CASCADE")
    text: str
    raised_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    recorded_by: str
    state: str = Field(default=None, sa_column_kwargs={"server_default": "open"})  # open, upheld, rejected, taken_back
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
    decided_by: str | None = None
    decision: str | None = None


class PersonalLink(SQLModel, table=True):
    """A link to a person's own page. Only the SHA-256 of its key is kept."""

    __tablename__ = "personal_links"
    __table_args__ = (Index("personal_links_employee", "employee_id"),)
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int = Field(foreign_key="employees.id", ondelete="CASCADE")
    key_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    made_by: str
    made_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    expires_at: datetime = Field(sa_type=Timestamp)
    revoked_at: datetime | None = Field(default=None, sa_type=Timestamp)
    revoked_by: str | None = None
