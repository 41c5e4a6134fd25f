"""Rollouts: how a model comes to the fleet in stages, and how far each device is."""

from datetime import datetime
from typing import Any, Final, Literal, get_args

from sqlalchemy import CheckConstraint, Index, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from stressvision_store.tables import NOW, Timestamp

RolloutState = Literal[
    "draft", "approved", "canary", "expanding", "complete", "paused", "halted", "rolling_back", "rolled_back"
]
ROLLOUT_STATES: Final[tuple[RolloutState, ...]] = get_args(RolloutState)
LIVE: Final = ("canary", "expanding", "paused", "halted", "rolling_back")
"""Once it was started: devices are or were offered the model, and it is not settled yet. One at a time is live."""

OVER: Final = ("complete", "rolled_back")

TargetState = Literal[
    "waiting", "offered", "downloaded", "verified", "installed", "confirmed", "rejected", "reverted", "lost"
]
TARGET_STATES: Final[tuple[TargetState, ...]] = get_args(TargetState)
UNDER_WAY: Final = ("offered", "downloaded", "verified", "installed")

Cause = Literal["operator", "failed", "lost", "bad_outputs", "slow", "unknown", "class_mix", "no_data", "deadline"]
CAUSES: Final[tuple[Cause, ...]] = get_args(Cause)


def _one_of(column: str, words: tuple[str, ...], name: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(word) for word in words)})", name=name)


class Rollout(SQLModel, table=True):
    """One version on its way to the whole fleet. `plan` is a `rollouts.plans.Plan`.

    `stage` counts from 0, the canary, since `stage_at`. `cause` and `reason` say why it was paused or halted;
    `resume_to` is the state that a pause interrupted. `waived_stage`: where an operator goes on without comparison.
    `comparison` is what was last found, at `compared_at`, between the new model's devices and the control group.
    """

    __tablename__ = "rollouts"
    __table_args__ = (
        _one_of("state", ROLLOUT_STATES, "rollouts_state"),
        _one_of("cause", CAUSES, "rollouts_cause"),
        CheckConstraint("(deadline_at IS NULL) = (state IN ('complete', 'rolled_back'))", name="rollouts_deadline"),
        CheckConstraint("approved_by <> created_by", name="rollouts_two_people"),
        CheckConstraint("(resume_to IS NULL) = (state <> 'paused')", name="rollouts_resume_to"),
        CheckConstraint(
            f"live = (started_at IS NOT NULL AND state IN ({', '.join(repr(word) for word in LIVE)}))",
            name="rollouts_live",
        ),
        Index("rollouts_one_live", "live", unique=True, postgresql_where=text("live")),
    )
    id: int | None = Field(default=None, primary_key=True)
    version: str = Field(sa_type=Text, foreign_key="model_versions.version")
    previous_version: str | None = Field(default=None, sa_type=Text, foreign_key="model_versions.version")
    state: str = Field(default="draft", sa_type=Text)
    live: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    plan: dict[str, Any] = Field(sa_type=JSONB)
    stage: int = Field(default=0, sa_column_kwargs={"server_default": text("0")})
    resume_to: str | None = Field(default=None, sa_type=Text)
    waived_stage: int | None = None
    cause: str | None = Field(default=None, sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    created_by: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    approved_by: str | None = Field(default=None, sa_type=Text)
    approved_at: datetime | None = Field(default=None, sa_type=Timestamp)
    started_at: datetime | None = Field(default=None, sa_type=Timestamp)
    state_at: datetime = Field(sa_type=Timestamp, sa_column_kwargs=NOW, default=None)
    stage_at: datetime | None = Field(default=None, sa_type=Timestamp)
    deadline_at: datetime | None = Field(default=None, sa_type=Timestamp)
    compared_at: datetime | None = Field(default=None, sa_type=Timestamp)
    comparison: dict[str, Any] | None = Field(default=None, sa_type=JSONB(none_as_null=True))


class RolloutDevice(SQLModel, table=True):
    """A device in a rollout: from which stage on it is a target, and how far it is.

    `control`: it is compared with while it waits. `deadline_at`: when it is given up as lost, while under way.
    """

    __tablename__ = "rollout_devices"
    __table_args__ = (
        _one_of("state", TARGET_STATES, "rollout_devices_state"),
        CheckConstraint(
            "(deadline_at IS NOT NULL) = (state IN ('offered', 'downloaded', 'verified', 'installed'))",
            name="rollout_devices_deadline",
        ),
        Index("rollout_devices_device", "device_id"),
    )
    rollout_id: int = Field(primary_key=True, foreign_key="rollouts.id")
    device_id: int = Field(primary_key=True, foreign_key="devices.id")
    stage: int
    control: bool = Field(default=False, sa_column_kwargs={"server_default": text("false")})
    state: str = Field(default="waiting", sa_type=Text)
    reason: str | None = Field(default=None, sa_type=Text)
    offered_at: datetime | None = Field(default=None, sa_type=Timestamp)
    state_at: datetime = Field(sa_type=Timestamp)
    deadline_at: datetime | None = Field(default=None, sa_type=Timestamp)
