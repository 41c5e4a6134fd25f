"""What the seeing side hands to the spool: events without identity, timed by the boot's monotonic clock alone.

The spool gives each its `event_id`, `seq` and wall-clock times. So a wrong clock can never reach the pipeline.
"""

from dataclasses import dataclass
from uuid import UUID

from stressvision_contracts.labels import Condition, GapReason, Label, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """`started_s` and `ended_s` are monotonic seconds of this boot."""

    started_s: float
    ended_s: float
    model_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowDraft(Draft):
    frames: int
    faces: int
    coverage: float
    seconds: dict[Label, float]
    mean_probability: dict[Label, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeDraft(Draft):
    episode_id: UUID
    phase: Phase
    condition: Condition
    peak: float
    mean: float
    coverage: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GapDraft(Draft):
    reason: GapReason
    lost: int = 0


AnyDraft = WindowDraft | EpisodeDraft | GapDraft
