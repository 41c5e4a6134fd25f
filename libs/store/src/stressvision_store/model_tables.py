"""Models: what is registered, the bytes of it, and the signed metadata by which devices trust it."""

from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import CheckConstraint, DateTime, LargeBinary, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

Timestamp = DateTime(timezone=True)
NOW = {"server_default": func.now()}

ModelState = Literal["candidate", "approved", "rejected", "retired"]
MODEL_STATES: Final[tuple[ModelState, ...]] = get_args(ModelState)


class ModelVersion(SQLModel, table=True):
    """A model that devices may name. An event of a version that is not here is refused.

    The manifest never changes. `published_at`: since when the signed repository has it; null while it does not.
    `desired`: what devices that no rollout speaks of should run.
    """

    __tablename__ = "model_versions"
    version: str = Field(primary_key=True)
    digest: str
    manifest: dict[str, Any] = Field(sa_type=JSONB)
    registered_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    desired: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    state: str = Field(default="candidate", sa_type=Text, sa_column_kwargs={"server_default": "candidate"})
    registered_by: str | None = Field(default=None, sa_type=Text)
    approved_by: str | None = Field(default=None, sa_type=Text)
    approved_at: datetime | None = Field(default=None, sa_type=Timestamp)
    published_at: datetime | None = Field(default=None, sa_type=Timestamp)


class ModelFile(SQLModel, table=True):
    """A model file under its SHA-256 (hexadecimal)."""

    __tablename__ = "model_files"
    digest: str = Field(primary_key=True, sa_type=Text)
    content: bytes = Field(sa_type=LargeBinary)
    size_bytes: int
    kept_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class ModelReport(SQLModel, table=True):
    """What is to be read about a model: its card, and what evaluation drew and wrote."""

    __tablename__ = "model_reports"
    version: str = Field(primary_key=True, sa_type=Text, foreign_key="model_versions.version")
    name: str = Field(primary_key=True, sa_type=Text)
    content: bytes = Field(sa_type=LargeBinary)
    size_bytes: int
    kept_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class ModelOverride(SQLModel, table=True):
    """One named person who lets a model pass although gates failed, and why."""

    __tablename__ = "model_overrides"
    version: str = Field(primary_key=True, sa_type=Text, foreign_key="model_versions.version")
    actor: str = Field(primary_key=True, sa_type=Text)
    reason: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class TufMetadata(SQLModel, table=True):
    """One version of one role, exactly as it was signed. The highest version of a role is in force."""

    __tablename__ = "tuf_metadata"
    __table_args__ = (
        CheckConstraint("role IN ('root', 'targets', 'snapshot', 'timestamp')", name="tuf_metadata_role"),
        CheckConstraint("version > 0", name="tuf_metadata_version"),
    )
    role: str = Field(primary_key=True, sa_type=Text)
    version: int = Field(primary_key=True)
    content: bytes = Field(sa_type=LargeBinary)
    expires_at: datetime = Field(sa_type=Timestamp)
    signed_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
