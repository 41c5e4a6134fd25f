"""Judge a batch, event by event: what may be stored becomes a record, what may not a dead letter with its reason.

Pure. A batch is decoded in one go; only when that fails is it taken apart, so that one bad event costs its
neighbours nothing but time. JSON knows no NaN: a body with a bare NaN is no JSON and is refused whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from stressvision_contracts.events import (
    MAX_EVENTS,
    AnyEvent,
    BatchEnvelope,
    BatchReceipt,
    Episode,
    EventBatch,
    Gap,
    Rejection,
    RejectReason,
    Window,
)
from stressvision_contracts.labels import PROFILE_CONDITIONS, PROFILE_LABELS, Label, SiteProfile
from stressvision_ingest.clocks import Correction, correction, to_us
from stressvision_ingest.decoding import decode, identity, printable, reason_of
from stressvision_ingest.errors import TooLargeError
from stressvision_store.intake import Flush, Letter
from stressvision_store.records import EPISODE, GAP, WINDOW, WORD, layout_of, pack, place_of

NO_MODEL: Final = "none"
"""What a device without a model writes as the version; only gaps may carry it."""

SECONDS_TOLERANCE: Final = 1.0
"""How much the times under labels may exceed the window: two frames at the slowest rate an agent may be set to."""

MAX_LETTER_BYTES: Final = 4_096
"""A valid event has less than half of that; what a larger one carries is not kept."""


_DAY_US: Final = 86_400_000_000
_SECOND_US: Final = 1_000_000


class _LooseBatch(BatchEnvelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose events are still JSON."""

    events: list[msgspec.Raw]


_BATCH: Final = msgspec.json.Decoder(EventBatch)
_LOOSE_BATCH: Final = msgspec.json.Decoder(_LooseBatch)
_EVENT: Final = msgspec.json.Decoder(AnyEvent)
_ENCODER: Final = msgspec.json.Encoder()


class RefusedEvent(Exception):  # noqa: N818 - a verdict, not a fault
    """Why one event will never be stored."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        super().__init__(detail)
        self.reason: RejectReason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for one batch: whose it is, what its site lets exist, which models are known, and when it came.

    `models` gives each known version its number in records.
    """

    device_id: int
    profile: SiteProfile
    models: dict[str, int]
    received_us: int
    oldest_event_days: int = 400
    newest_event_s: float = 600.0


@dataclass(slots=True)
class Judged:
    """A batch after judgement. `size` counts all its events; `events` are those in `flush`, by their place."""

    envelope: BatchEnvelope
    size: int = 0
    max_seq: int = -1
    repaired: bool = False
    flush: Flush = field(default_factory=Flush)
    events: dict[int, AnyEvent] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    unknown_models: set[str] = field(default_factory=set)

    @property
    def acked_seq(self) -> int | None:
        return self.max_seq if self.max_seq >= 0 else None

    def receipt(self, *, duplicate: int, conflicts: Sequence[Rejection] = ()) -> BatchReceipt:
        """What the device is told when of its accepted events `duplicate` were known and `conflicts` clash."""
        return BatchReceipt(
            stored=len(self.events) - duplicate - len(conflicts),
            duplicate=duplicate,
            rejected=[*self.rejected, *conflicts],
            acked_seq=self.acked_seq,
        )


def judge(body: bytes, terms: Terms) -> Judged:
    """Raise `NotJsonError`, `BadEnvelopeError` or `TooLargeError` when the batch as a whole cannot be taken."""
    try:
        batch = _BATCH.decode(body)
    except (ValueError, RecursionError):
        return _judge_loosely(_decode_loosely(body), terms)
    judged, judge_one = _start(batch, terms)
    for place, event in enumerate(batch.events):
        judge_one(place, event, None)
    return _finish(judged, terms)


def _decode_loosely(body: bytes) -> _LooseBatch:
    batch = decode(body, _LOOSE_BATCH)
    if len(batch.events) > MAX_EVENTS:
        raise TooLargeError(f"a batch may have {MAX_EVENTS} events; this one has {len(batch.events)}; halve it")
    return batch


def _judge_loosely(batch: _LooseBatch, terms: Terms) -> Judged:
    judged, judge_one = _start(batch, terms)
    for place, raw in enumerate(batch.events):
        body = bytes(raw)
        try:
            event = _EVENT.decode(body)
        except (ValueError, RecursionError) as error:
            judge_one.refuse(place, reason_of(error, body), str(error), body)
        else:
            judge_one(place, event, body)
    return _finish(judged, terms)


def _start(batch: BatchEnvelope, terms: Terms) -> "tuple[Judged, _Judge]":
    judged = Judged(batch)
    return judged, _Judge(judged, terms)


def _finish(judged: Judged, terms: Terms) -> Judged:
    judged.flush.sent[terms.device_id] = (judged.size, judged.max_seq)
    return judged


class _Judge:
    """Judges the events of one batch one after the other."""

    __slots__ = ("_allowed", "_conditions", "_correction", "_judged", "_newest_us", "_oldest_us", "_terms")

    def __init__(self, judged: Judged, terms: Terms) -> None:
        self._judged = judged
        self._terms = terms
        self._correction: Correction = correction(judged.envelope, terms.received_us)
        allowed = PROFILE_LABELS[terms.profile]
        self._allowed: frozenset[Label] | None = None if len(allowed) == len(PROFILE_LABELS["full"]) else allowed
        self._conditions = PROFILE_CONDITIONS[terms.profile]
        self._oldest_us = terms.received_us - terms.oldest_event_days * _DAY_US
        self._newest_us = terms.received_us + round(terms.newest_event_s * _SECOND_US)

    def __call__(self, place: int, event: AnyEvent, body: bytes | None) -> None:
        judged = self._judged
        judged.size += 1
        judged.max_seq = max(judged.max_seq, event.seq)
        try:
            record = self._record(place, event)
        except RefusedEvent as refusal:
            self._set_aside(place, refusal.reason, refusal.detail, event, body)
            return
        judged.events[place] = event
        layout = layout_of(event)
        if layout is WINDOW:
            judged.flush.windows.append(record)
        elif layout is EPISODE:
            judged.flush.episodes.append(record)
        else:
            judged.flush.gaps.append(record)

    def refuse(self, place: int, reason: RejectReason, detail: str, body: bytes) -> None:
        """For what is no event at all."""
        self._judged.size += 1
        event_id, seq = identity(body)
        if seq is not None:
            self._judged.max_seq = max(self._judged.max_seq, seq)
        self._put(place, reason, detail, event_id, seq, body)

    def _set_aside(self, place: int, reason: RejectReason, detail: str, event: AnyEvent, body: bytes | None) -> None:
        if reason == "profile":
            body = b""  # what the profile forbids to exist must not lie in the dead letters either
        elif body is None:
            body = _ENCODER.encode(event)
        self._put(place, reason, detail, str(event.event_id), event.seq, body)

    def _put(
        self, place: int, reason: RejectReason, detail: str, event_id: str | None, seq: int | None, body: bytes
    ) -> None:
        detail = printable(detail)
        self._judged.rejected.append(Rejection(event_id=event_id, reason=reason, detail=detail, index=place))
        self._judged.flush.letters.append(
            letter(self._judged.envelope, self._terms.device_id, event_id, seq, reason, detail, body)
        )

    def _record(self, place: int, event: AnyEvent) -> bytes:
        event_id = event.event_id.int
        if event_id >> 76 & 15 != 7 or event_id >> 62 & 3 != 2:
            raise RefusedEvent("bad_id", f"event_id {event.event_id} is no UUIDv7; make it with the device's clock")
        started_us, ended_us = to_us(event.started_at), to_us(event.ended_at)
        if ended_us < started_us:
            raise RefusedEvent("bad_value", f"ended_at {event.ended_at} lies before started_at {event.started_at}")
        self._check_kind(event, ended_us - started_us)
        shift_ms = self._correction.shift_ms(ended_us, event.monotonic_s)
        if shift_ms:
            self._judged.repaired = True
        if started_us + shift_ms * 1000 < self._oldest_us or ended_us + shift_ms * 1000 > self._newest_us:
            raise RefusedEvent(
                "bad_time",
                f"{event.started_at} to {event.ended_at}, put right by {shift_ms} ms, is not between "
                f"{self._terms.oldest_event_days} days ago and {self._terms.newest_event_s:g} s from now",
            )
        return pack(
            event,
            device_id=self._terms.device_id,
            model=self._model(event),
            started_us=started_us,
            ended_us=ended_us,
            shift_ms=shift_ms,
            place=place,
        )

    def _model(self, event: AnyEvent) -> int:
        version = event.model_version
        number = self._terms.models.get(version)
        if number is None or (version == NO_MODEL and not isinstance(event, Gap)):
            self._judged.unknown_models.add(version)
            raise RefusedEvent(
                "unknown_model", f"model_version {version!r} is not registered; register it, then replay"
            )
        return number

    def _check_kind(self, event: AnyEvent, duration_us: int) -> None:
        if isinstance(event, Window):
            if event.faces > event.frames:
                raise RefusedEvent("bad_value", f"faces {event.faces} are more than frames {event.frames}")
            total_s = sum(event.seconds.values())
            if total_s * _SECOND_US > duration_us + SECONDS_TOLERANCE * _SECOND_US:
                raise RefusedEvent("bad_value", f"{total_s:g} s under labels in {duration_us / _SECOND_US:g} s")
            if self._allowed is not None:
                self._check_labels(event, self._allowed)
        elif isinstance(event, Episode) and event.condition not in self._conditions:
            raise RefusedEvent("profile", f"the site's profile {self._terms.profile!r} forbids {event.condition!r}")

    def _check_labels(self, event: Window, allowed: frozenset[Label]) -> None:
        if not allowed:
            raise RefusedEvent("profile", f"the site's profile {self._terms.profile!r} forbids windows")
        for measured in (event.seconds, event.mean_probability):
            for label, value in measured.items():
                if value > 0 and label not in allowed:
                    raise RefusedEvent("profile", f"the site's profile {self._terms.profile!r} forbids {label!r}")


def letter(
    envelope: BatchEnvelope,
    device_id: int,
    event_id: str | None,
    seq: int | None,
    reason: str,
    detail: str,
    body: bytes,
) -> Letter:
    return Letter(
        device_id=device_id,
        event_id=event_id,
        seq=seq,
        reason=reason,
        detail=detail,
        body=body[:MAX_LETTER_BYTES],
        sent_at=envelope.sent_at,
        boot_id=envelope.boot_id,
    )


def refuse(judged: Judged, place: int, reason: RejectReason, detail: str) -> tuple[Rejection, Letter]:
    """For an event that had been accepted: what the device is told, and the dead letter."""
    event = judged.events[place]
    event_id, detail = str(event.event_id), printable(detail)
    (device_id,) = judged.flush.sent
    return (
        Rejection(event_id=event_id, reason=reason, detail=detail, index=place),
        letter(judged.envelope, device_id, event_id, event.seq, reason, detail, _ENCODER.encode(event)),
    )


def part(judged: Judged, records: Sequence[bytes], letters: list[Letter]) -> Judged:
    """Some of a batch's accepted events, to be stored by themselves; without what was rejected before."""
    events = {place: judged.events[place] for place in map(place_of, records)}
    some = Judged(judged.envelope, size=len(records) + len(letters), max_seq=judged.max_seq, events=events)
    by_width = {WINDOW.words: some.flush.windows, EPISODE.words: some.flush.episodes, GAP.words: some.flush.gaps}
    for record in records:
        by_width[len(record) // WORD].append(record)
    some.flush.letters = letters
    (device_id,) = judged.flush.sent
    some.flush.sent[device_id] = (some.size, judged.max_seq)
    return some
