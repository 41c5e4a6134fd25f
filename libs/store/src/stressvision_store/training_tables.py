"""Retraining: jobs, how far each is, the trainers that ask for one, and the pictures they learn from."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, DateTime, Identity, Index, LargeBinary, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TEXT
from sqlmodel import Field, SQLModel

Timestamp = DateTime(timezone=True)
NOW = {"server_default": func.now()}

TRIGGERS = ("manual", "schedule", "pictures", "drift")
LIVE = ("running", "cancelling")
OVER = ("succeeded", "failed", "cancelled")
STATES = ("queued", *LIVE, *OVER)


class TrainingJob(SQLModel, table=True):
    """One run of a recipe. `fence` rises with every claim, and only whoever holds the newest may say more of it.

    A live job has a lease; one that ran out may be claimed by another trainer. `changes` are `key=value` for the
    recipe; `metrics` the figures of the newest epoch; `dataset_digest` that of the pictures it learns from.
    """

    __tablename__ = "training_jobs"
    __table_args__ = (
        CheckConstraint("trigger IN ('manual', 'schedule', 'pictures', 'drift')", name="training_jobs_trigger"),
        CheckConstraint(
            "state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')",
            name="training_jobs_state",
        ),
        CheckConstraint(
            "(state IN ('running', 'cancelling')) = (lease_until IS NOT NULL AND claimed_by IS NOT NULL)",
            name="training_jobs_lease",
        ),
        CheckConstraint(
            "(state IN ('succeeded', 'failed', 'cancelled')) = (ended_at IS NOT NULL)", name="training_jobs_end"
        ),
        CheckConstraint("(state = 'succeeded') = (candidate_version IS NOT NULL)", name="training_jobs_candidate"),
        CheckConstraint("state <> 'failed' OR error IS NOT NULL", name="training_jobs_error"),
        Index("training_jobs_waiting", "id", postgresql_where=text("ended_at IS NULL")),
        Index(
            "training_jobs_one_automatic",
            "state",
            unique=True,
            postgresql_where=text("state = 'queued' AND trigger <> 'manual'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True)
    recipe: str
    recipe_text: str
    changes: list[str] = Field(sa_type=ARRAY(TEXT))
    version: str
    trigger: str
    reason: str | None = None
    state: str = Field(default="queued", sa_column_kwargs={"server_default": "queued"})
    requested_by: str
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    ended_at: datetime | None = Field(default=None, sa_type=Timestamp)
    fence: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    claimed_by: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Timestamp)
    stage: str | None = None
    epoch: int | None = None
    epochs: int | None = None
    eta_s: float | None = None
    metrics: dict[str, Any] | None = Field(default=None, sa_type=JSONB)
    dataset_digest: str | None = None
    candidate_version: str | None = Field(default=None, foreign_key="model_versions.version")
    error: str | None = None


class TrainingEpoch(SQLModel, table=True):
    """The figures of one epoch; an epoch that is done again after a kill replaces the first."""

    __tablename__ = "training_epochs"
    job_id: int = Field(primary_key=True, foreign_key="training_jobs.id")
    epoch: int = Field(primary_key=True)
    record: dict[str, Any] = Field(sa_type=JSONB)
    reported_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class TrainingLog(SQLModel, table=True):
    """A line of what a job says; only the tail is kept."""

    __tablename__ = "training_logs"
    __table_args__ = (Index("training_logs_job", "job_id", "id"),)
    id: int | None = Field(default=None, sa_type=BigInteger, primary_key=True, sa_column_args=[Identity()])
    job_id: int = Field(foreign_key="training_jobs.id")
    at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    line: str


class Trainer(SQLModel, table=True):
    """A trainer process, and when it last asked for work or told of it."""

    __tablename__ = "trainers"
    name: str = Field(primary_key=True)
    seen_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)


class Picture(SQLModel, table=True):
    """A company picture, known by the SHA-256 of its file. What is removed leaves its digest and nothing to be seen.

    `employee_id` is whom it shows, where that is an employee; without an active consent it is not learnt from.
    `is_crop`: all of it is the face.
    """

    __tablename__ = "pictures"
    __table_args__ = (
        CheckConstraint("label IN ('neutral', 'stress', 'sad', 'happy', 'fatigue')", name="pictures_label"),
        CheckConstraint("(content IS NULL) = (removed_at IS NOT NULL)", name="pictures_content"),
        Index("pictures_employee", "employee_id"),
    )
    digest: str = Field(primary_key=True)
    content: bytes | None = Field(default=None, sa_type=LargeBinary)
    media_type: str
    width: int
    height: int
    is_crop: bool
    label: str
    site_id: int = Field(foreign_key="sites.id")
    employee_id: int | None = Field(default=None, foreign_key="employees.id", ondelete="CASCADE")
    added_by: str
    added_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    removed_at: datetime | None = Field(default=None, sa_type=Timestamp)

    @property
    def has_person(self) -> bool:
        """Whether it is known whom it shows."""
        return self.employee_id is not None


class TrainingPicture(SQLModel, table=True):
    """What a job learns from, as it was when it was claimed; no foreign key, for a picture may be erased meanwhile."""

    __tablename__ = "training_pictures"
    job_id: int = Field(primary_key=True, foreign_key="training_jobs.id")
    digest: str = Field(primary_key=True)
    label: str
    subject: str


class ModelDay(SQLModel, table=True):
    """What the windows of one model said on one day (UTC), over all devices; kept beyond the raw events.

    `windows` had a face, `blind_windows` none. `mix`: time under each label in ms, in the order of `labels.COMPANY5`.
    `confidence_ppm`: summed over the windows, the highest mean probability of each. `observed_ms` of `captured_ms` a
    face was seen. The last four are None in days from before they were counted.
    """

    __tablename__ = "model_days"
    model_version: str = Field(primary_key=True, foreign_key="model_versions.version")
    day: date = Field(primary_key=True)
    windows: int
    mix: list[int] = Field(sa_type=ARRAY(BigInteger))
    confidence_ppm: int = Field(sa_type=BigInteger)
    computed_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    devices: int | None = None
    blind_windows: int | None = None
    captured_ms: int | None = Field(default=None, sa_type=BigInteger)
    observed_ms: int | None = Field(default=None, sa_type=BigInteger)
