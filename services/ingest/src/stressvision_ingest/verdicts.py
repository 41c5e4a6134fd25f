"""Judge a batch, event by event: what may be stored becomes a record, what may not a dead letter with its reason.

Pure. A batch is decoded in one go; only when that fails is it taken apart, so that one bad event costs its
neighbours nothing but time. JSON knows no NaN: a body with a bare NaN is no JSON and is refused whole.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from stressvision_contracts.events import (
    MAX_EVENTS,
    AnyEvent,
    BatchEnvelope,
    BatchReceipt,
    Episode,
    Gap,
    Rejection,
    RejectReason,
)
from stressvision_ingest.decoding import check_clock, decode, identity, printable, reason_of
from stressvision_ingest.errors import TooLargeError
from stressvision_ingest.rules import RefusedEvent, Rules, Terms, forbids_nothing
from stressvision_store.arrivals import ArrivedBatch, ArrivedEvent, ArrivedWindow
from stressvision_store.flushes import Flush, Letter
from stressvision_store.records import place_of

MAX_LETTER_BYTES: Final = 4_096
"""A valid event has less than half of that; what a larger one carries is not kept."""


class _LooseBatch(BatchEnvelope, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A batch whose events are still JSON."""

    events: list[msgspec.Raw]


CONFLICT_DETAIL: Final = "this event_id is stored with other content; look for two devices that share one spool"

_BATCH: Final = msgspec.json.Decoder(ArrivedBatch)
_LOOSE_BATCH: Final = msgspec.json.Decoder(_LooseBatch)
_EVENT: Final[msgspec.json.Decoder[ArrivedEvent]] = msgspec.json.Decoder(ArrivedEvent)
_CONTRACT: Final[msgspec.json.Decoder[AnyEvent]] = msgspec.json.Decoder(AnyEvent)
_ENCODER: Final = msgspec.json.Encoder()


@dataclass(slots=True)
class Judged:
    """A batch after judgement. `size` counts all its events; `events` are those in `flush`, by their place."""

    envelope: BatchEnvelope
    size: int = 0
    max_seq: int = -1
    repaired: bool = False
    flush: Flush = field(default_factory=Flush)
    events: dict[int, ArrivedEvent] = field(default_factory=dict)
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
        return _judge_loosely(body, terms)
    judged = _begin(batch)
    _judge_events(judged, enumerate(batch.events), terms)
    return _close(judged, terms)


def _judge_loosely(body: bytes, terms: Terms) -> Judged:
    """Event by event, because some of them cannot be decoded."""
    batch = decode(body, _LOOSE_BATCH)
    if len(batch.events) > MAX_EVENTS:
        raise TooLargeError(f"a batch may have {MAX_EVENTS} events; this one has {len(batch.events)}; halve it")
    judged, events = _begin(batch), {}
    for place, raw in enumerate(map(bytes, batch.events)):
        try:
            events[place] = _EVENT.decode(raw)
        except (ValueError, RecursionError):
            reason, detail = _fault_of(raw)
            event_id, seq = identity(raw)
            judged.max_seq = max(judged.max_seq, -1 if seq is None else seq)
            # nobody can tell what this would have said: it is kept only where everything may exist
            _reject(judged, terms, place, reason, detail, event_id, seq, raw if forbids_nothing(terms.profile) else b"")
    _judge_events(judged, events.items(), terms)
    judged.rejected.sort(key=lambda rejection: rejection.index)
    return _close(judged, terms)


def _begin(envelope: BatchEnvelope) -> Judged:
    check_clock(sent_at=envelope.sent_at, boot_started_at=envelope.boot_started_at)
    return Judged(envelope)


def _fault_of(raw: bytes) -> tuple[RejectReason, str]:
    """What the contract says is wrong; the classes that decode fast say it in words of their own."""
    try:
        _CONTRACT.decode(raw)
    except (ValueError, RecursionError) as error:
        return reason_of(error, raw), str(error)
    return "malformed", "this cannot be decoded"


def _judge_events(judged: Judged, events: Iterable[tuple[int, ArrivedEvent]], terms: Terms) -> None:
    rules, flush, accepted, max_seq = Rules(terms, judged.envelope), judged.flush, judged.events, judged.max_seq
    file = {ArrivedWindow: flush.windows.append, Episode: flush.episodes.append, Gap: flush.gaps.append}
    record_of = rules.record
    for place, event in events:
        if event.seq > max_seq:
            max_seq = event.seq
        try:
            record = record_of(place, event)
        except RefusedEvent as refusal:
            # what the profile forbids to exist must not lie in the dead letters either
            body = _ENCODER.encode(event) if rules.may_be_kept(event) else b""
            _reject(judged, terms, place, refusal.reason, refusal.detail, str(event.event_id), event.seq, body)
        else:
            accepted[place] = event
            file[type(event)](record)
    judged.max_seq, judged.repaired, judged.unknown_models = max_seq, rules.repaired, rules.unknown_models


def _close(judged: Judged, terms: Terms) -> Judged:
    judged.size = len(judged.events) + len(judged.rejected)
    judged.flush.sent[terms.device_id] = (judged.size, judged.max_seq)
    return judged


def _reject(
    judged: Judged,
    terms: Terms,
    place: int,
    reason: RejectReason,
    detail: str,
    event_id: str | None,
    seq: int | None,
    body: bytes,
) -> None:
    detail = printable(detail)
    judged.rejected.append(Rejection(event_id=event_id, reason=reason, detail=detail, index=place))
    judged.flush.letters.append(_letter(judged, terms.device_id, event_id, seq, reason, detail, body))


def _letter(
    judged: Judged, device_id: int, event_id: str | None, seq: int | None, reason: str, detail: str, body: bytes
) -> Letter:
    return Letter(
        device_id=device_id,
        event_id=event_id,
        seq=seq,
        reason=reason,
        detail=detail,
        body=body[:MAX_LETTER_BYTES],
        sent_at=judged.envelope.sent_at,
        boot_id=judged.envelope.boot_id,
        sent_monotonic_s=judged.envelope.sent_monotonic_s,
        boot_started_at=judged.envelope.boot_started_at,
    )


def refuse(judged: Judged, place: int, reason: RejectReason, detail: str) -> tuple[Rejection, Letter]:
    """For an event that had been accepted: what the device is told, and the dead letter."""
    event = judged.events[place]
    event_id, detail = str(event.event_id), printable(detail)
    (device_id,) = judged.flush.sent
    return (
        Rejection(event_id=event_id, reason=reason, detail=detail, index=place),
        _letter(judged, device_id, event_id, event.seq, reason, detail, _ENCODER.encode(event)),
    )


def part(judged: Judged, records: Sequence[bytes], letters: list[Letter]) -> Judged:
    """Some of a batch's accepted events, to be stored by themselves; without what was rejected before."""
    events = {place: judged.events[place] for place in map(place_of, records)}
    some = Judged(judged.envelope, size=len(records) + len(letters), max_seq=judged.max_seq, events=events)
    file = {ArrivedWindow: some.flush.windows, Episode: some.flush.episodes, Gap: some.flush.gaps}
    for record in records:
        file[type(events[place_of(record)])].append(record)
    some.flush.letters = letters
    (device_id,) = judged.flush.sent
    some.flush.sent[device_id] = (some.size, judged.max_seq)
    return some
