"""What a device says about a workstation: windows, episodes and gaps. No field can hold a picture."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta, Struct, field

from stressvision_contracts.labels import Condition, GapReason, Label, Phase

MAX_EVENTS = 1_000
MAX_BODY_BYTES = 1 << 20
"""Of one batch, unpacked."""

Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
Count = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Sequence = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Seconds = Annotated[float, Meta(ge=0.0, le=86_400.0)]
Monotonic = Annotated[float, Meta(ge=0.0, le=1e9)]
Time = Annotated[datetime, Meta(tz=True)]
Version = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$")]
BootId = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]


class Event(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every event carries.

    `event_id` is a UUIDv7 made on the device; `seq` counts what the device ever produced and is never reused.
    `started_at` and `ended_at` are the device's own UTC, right or wrong. `monotonic_s` is the boot's monotonic
    clock at `ended_at`: with it the server puts right a time that a wrong clock has stamped.
    """

    event_id: UUID
    seq: Sequence
    started_at: Time
    ended_at: Time
    model_version: Version
    monotonic_s: Monotonic | None = None


class Window(Event, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="window"):
    """One stretch of capture (60 s by setting), the denominator of every trend.

    `coverage` is the share of the stretch with a usable face; `seconds` gives the time under each label (the one
    of the highest probability), `mean_probability` the mean over frames with a face. A label left out counts as 0.
    """

    frames: Count
    faces: Count
    coverage: Ratio
    seconds: dict[Label, Seconds]
    mean_probability: dict[Label, Ratio]


class Episode(Event, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="episode"):
    """Lasting signs of one condition, sent when it opens (`ended_at`: the moment of opening) and when it closes."""

    episode_id: UUID
    phase: Phase
    condition: Condition
    peak: Ratio
    mean: Ratio
    coverage: Ratio


class Gap(Event, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="gap"):
    """Time not observed, or events lost (`lost`, a number of earlier events that the server will never get)."""

    reason: GapReason
    lost: Count


AnyEvent = Window | Episode | Gap


class BatchEnvelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a batch says besides its events. All its events come from the boot `boot_id`.

    `sent_at` is the device's UTC at sending. `sent_monotonic_s` is the monotonic clock at sending, given when
    `boot_id` is the boot that is sending. `boot_started_at` is the true UTC at which the monotonic clock of
    `boot_id` read zero, given when the device has learnt it (from the server or a synchronised clock) in that boot.
    """

    sent_at: Time
    boot_id: BootId
    sent_monotonic_s: Monotonic | None = None
    boot_started_at: Time | None = None


class EventBatch(BatchEnvelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `POST /v1/events`, as a device builds it."""

    events: Annotated[list[AnyEvent], Meta(max_length=MAX_EVENTS)]


RejectReason = Literal[
    "malformed", "unknown_field", "unknown_label", "bad_value", "bad_id", "bad_time", "bad_text",
    "unknown_model", "conflict", "profile",
]  # fmt: skip


class Rejection(Struct, frozen=True, kw_only=True):
    """One event that will never be stored; it lies in the dead letters. `detail` says what and what to do."""

    event_id: str | None
    reason: str
    detail: str = ""
    index: int = -1


class BatchReceipt(Struct, frozen=True, kw_only=True):
    """The answer to a batch, given after commit. `acked_seq` is the highest `seq` of this batch that is settled."""

    stored: int
    duplicate: int
    rejected: list[Rejection] = field(default_factory=list)
    acked_seq: int | None = None
