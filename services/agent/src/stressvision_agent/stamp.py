"""From a draft to the event that travels: identity, number and wall-clock times are given here and nowhere else."""

from datetime import datetime, timedelta
from typing import assert_never
from uuid import UUID

import msgspec

from stressvision_agent.drafts import AnyDraft, EpisodeDraft, GapDraft, WindowDraft
from stressvision_agent.identifiers import time_of, uuid7
from stressvision_contracts.events import AnyEvent, Episode, Gap, Window

WORTH: dict[type[AnyEvent], int] = {Window: 0, Episode: 1, Gap: 2}
"""What is given up last when room is short."""

NO_MODEL = "none"
"""The model version of a gap that no model could see."""

_decoder = msgspec.json.Decoder(AnyEvent)


def event_of(draft: AnyDraft, *, event_id: UUID, seq: int, wall_zero: datetime) -> AnyEvent:
    """`wall_zero` is what the wall clock, right or wrong, makes of monotonic zero."""
    started_at = wall_zero + timedelta(seconds=draft.started_s)
    ended_at = wall_zero + timedelta(seconds=draft.ended_s)
    monotonic_s = round(draft.ended_s, 6)
    match draft:
        case WindowDraft():
            return Window(
                event_id=event_id,
                seq=seq,
                started_at=started_at,
                ended_at=ended_at,
                model_version=draft.model_version,
                monotonic_s=monotonic_s,
                frames=draft.frames,
                faces=draft.faces,
                coverage=_short(draft.coverage),
                seconds={label: round(seconds, 3) for label, seconds in draft.seconds.items()},
                mean_probability={label: _short(mean) for label, mean in draft.mean_probability.items()},
            )
        case EpisodeDraft():
            return Episode(
                event_id=event_id,
                seq=seq,
                started_at=started_at,
                ended_at=ended_at,
                model_version=draft.model_version,
                monotonic_s=monotonic_s,
                episode_id=draft.episode_id,
                phase=draft.phase,
                condition=draft.condition,
                peak=_short(draft.peak),
                mean=_short(draft.mean),
                coverage=_short(draft.coverage),
            )
        case GapDraft():
            return Gap(
                event_id=event_id,
                seq=seq,
                started_at=started_at,
                ended_at=ended_at,
                model_version=draft.model_version,
                monotonic_s=monotonic_s,
                reason=draft.reason,
                lost=draft.lost,
            )
        case _:
            assert_never(draft)


def gap_for(event: AnyEvent, *, seq: int) -> Gap:
    """The gap that `event`, given up, leaves where it stood."""
    return Gap(
        event_id=uuid7(time_of(event.event_id)),
        seq=seq,
        started_at=event.started_at,
        ended_at=event.ended_at,
        model_version=event.model_version,
        monotonic_s=event.monotonic_s,
        reason="spool_full",
        lost=lost_with(event),
    )


def widened(gap: Gap, event: AnyEvent) -> Gap:
    """`gap` over `event` too. Both belong to one boot."""
    later = max(gap, event, key=lambda e: e.monotonic_s or 0.0)
    return msgspec.structs.replace(
        gap,
        started_at=min(gap.started_at, event.started_at),
        ended_at=later.ended_at,
        monotonic_s=later.monotonic_s,
        lost=gap.lost + lost_with(event),
    )


def lost_with(event: AnyEvent) -> int:
    """How many events nobody will ever see when `event` is given up: itself, and those it spoke for."""
    return 1 + (event.lost if isinstance(event, Gap) else 0)


def encode(event: AnyEvent) -> bytes:
    return msgspec.json.encode(event)


def decode(body: bytes) -> AnyEvent:
    event: AnyEvent = _decoder.decode(body)
    return event


def _short(ratio: float) -> float:
    """Parts per million are what the server keeps."""
    return round(ratio, 6)
