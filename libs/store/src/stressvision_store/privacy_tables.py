"""What keeps the promises of privacy: the audit's chain, profiles and who wanted them, notices, erasures."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, LargeBinary, PrimaryKeyConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from stressvision_store.workforce_tables import NOW, Timestamp


class AuditLink(SQLModel, table=True):
    """One link of the audit's chain, made by a trigger at commit. Places count from 1 and leave none out."""

    __tablename__ = "audit_links"
    place: int = Field(sa_type=BigInteger, primary_key=True)
    entry_id: int = Field(sa_type=BigInteger, foreign_key="audit.id", unique=True)
    hash: bytes = Field(sa_type=LargeBinary)


class AuditHead(SQLModel, table=True):
    """One row: where the chain ends, and up to where it was dropped for its age (0: nowhere)."""

    __tablename__ = "audit_head"
    __table_args__ = (CheckConstraint("id = 1", name="audit_head_one_row"),)
    id: int = Field(default=1, primary_key=True)
    place: int = Field(sa_type=BigInteger)
    hash: bytes = Field(sa_type=LargeBinary)
    dropped_place: int = Field(sa_type=BigInteger)
    dropped_hash: bytes = Field(sa_type=LargeBinary)


class ProfileChange(SQLModel, table=True):
    """A site's profile as one person wants it; a wider one waits for another person, until it expires."""

    __tablename__ = "profile_changes"
    __table_args__ = (
        Index("profile_changes_one_proposal", "site_id", unique=True, postgresql_where=text("state = 'proposed'")),
    )
    id: int | None = Field(default=None, primary_key=True)
    site_id: int = Field(foreign_key="sites.id")
    before: str
    after: str
    reason: str | None = None
    state: str  # proposed, applied, rejected, expired
    proposed_by: str
    proposed_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    expires_at: datetime = Field(sa_type=Timestamp)
    decided_by: str | None = None
    decided_at: datetime | None = Field(default=None, sa_type=Timestamp)


class ProfilePeriod(SQLModel, table=True):
    """Since when a profile holds at a site; written by a trigger on `sites`."""

    __tablename__ = "profile_periods"
    __table_args__ = (PrimaryKeyConstraint("site_id", "since"),)
    site_id: int = Field(foreign_key="sites.id", ondelete="CASCADE")
    since: datetime = Field(sa_type=Timestamp)
    profile: str


class Notice(SQLModel, table=True):
    """What people were told, in one language. Never changed: another text is another version."""

    __tablename__ = "notices"
    __table_args__ = (PrimaryKeyConstraint("version", "language"),)
    version: str
    language: str  # es, en
    text: str
    digest: str
    published_by: str
    published_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class Erasure(SQLModel, table=True):
    """That a person was erased, and what that took. `employee_id` leads nowhere any more, save in an old backup."""

    __tablename__ = "erasures"
    id: int | None = Field(default=None, primary_key=True)
    employee_id: int
    site_id: int
    erased_at: datetime = Field(sa_type=Timestamp)
    erased_by: str
    reason: str
    counts: dict[str, Any] = Field(sa_type=JSONB)
    late_events: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    audit_place: int = Field(sa_type=BigInteger)
    audit_hash: bytes = Field(sa_type=LargeBinary)


class ErasedSpan(SQLModel, table=True):
    """A stretch of a device's time that must stay empty: what arrives for it later is dropped and counted."""

    __tablename__ = "erased_spans"
    __table_args__ = (PrimaryKeyConstraint("device_id", "from_at", "erasure_id"),)
    erasure_id: int = Field(foreign_key="erasures.id")
    device_id: int
    from_at: datetime = Field(sa_type=Timestamp)
    to_at: datetime = Field(sa_type=Timestamp)


class RetentionRun(SQLModel, table=True):
    """When a rule of retention was last applied, with how many days, and how many rows it has dropped in all."""

    __tablename__ = "retention_runs"
    rule: str = Field(primary_key=True)
    days: int
    applied_at: datetime = Field(sa_type=Timestamp)
    dropped: int = Field(sa_type=BigInteger)
