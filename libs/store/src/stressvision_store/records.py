"""Events as fixed-width records, so that a thousand of them become binary columns by slicing alone.

A record is big-endian words of four bytes. First what the device said: the event's id, so that records sort by id,
whose it is, its number and times, and what its own kind has. Then a digest of all that, the corrected times, and the
place in its batch. Times are in microseconds (the device's since 1970, the corrected ones since 2000, as Postgres
keeps them), times under labels in ms, probabilities in parts per million.
"""

import struct
import sys
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from stressvision_contracts.events import Episode, Gap
from stressvision_contracts.labels import COMPANY5, CONDITIONS, GAP_REASONS
from stressvision_store.arrivals import ArrivedEvent, ArrivedWindow

POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970."""

WORD: Final = 4
assert array("I").itemsize == WORD

_TYPES: Final = {"uuid": (2950, 4), "int8": (20, 2), "timestamptz": (1184, 2), "int4": (23, 1)}
"""Of each type: the OID and the width in words."""

Columns = tuple[tuple[str, str], ...]
"""Names and types; what has no name is in the record only."""

_HEAD: Final[Columns] = (("event_id", "uuid"), ("device_id", "int4"), ("seq", "int8"), ("", "int8"), ("", "int8"))
_TAIL: Final[Columns] = (
    ("content", "int8"),
    ("started_at", "timestamptz"),
    ("ended_at", "timestamptz"),
    ("clock_shift_ms", "int8"),
    ("model", "int4"),
    ("", "int4"),
)


@dataclass(frozen=True)
class Layout:
    """One kind of event: its number in `events.kind`, and the columns that only it has, each an int4 or a uuid."""

    kind: int
    own: Columns

    @property
    def fields(self) -> Columns:
        return _HEAD + self.own + _TAIL

    @property
    def columns(self) -> Columns:
        return tuple(column for column in self.fields if column[0])

    @property
    def words(self) -> int:
        return sum(_TYPES[type_][1] for _, type_ in self.fields)


def _int4(*names: str) -> Columns:
    return tuple((name, "int4") for name in names)


WINDOW: Final = Layout(
    1,
    _int4(
        "frames",
        "faces",
        "coverage_ppm",
        *(f"{label}_ms" for label in COMPANY5),
        *(f"{label}_ppm" for label in COMPANY5),
    ),
)
EPISODE: Final = Layout(
    2, (("episode_id", "uuid"), *_int4("phase", "condition", "peak_ppm", "mean_ppm", "coverage_ppm"))
)
GAP: Final = Layout(3, _int4("reason", "lost"))
LAYOUTS: Final = (WINDOW, EPISODE, GAP)

_STATED_WINDOW: Final = struct.Struct(">16siqqq13i").pack
_STATED_EPISODE: Final = struct.Struct(">16siqqq16s5i").pack
_STATED_GAP: Final = struct.Struct(">16siqqq2i").pack
_MADE: Final = struct.Struct(">qqqii").pack
_ID: Final = slice(0, 16)
_DEVICE: Final = slice(16, 20)
_CONTENT: Final = slice(-40, -32)
_PLACE: Final = slice(-4, None)
_LOST: Final = slice(-44, -40)
_PHASES: Final = {"open": 1, "close": 2}
_CONDITIONS: Final = {name: number for number, name in enumerate(CONDITIONS, 1)}
_REASONS: Final = {name: number for number, name in enumerate(GAP_REASONS, 1)}


def _window(event_id: bytes, device_id: int, started_us: int, ended_us: int, event: ArrivedWindow) -> bytes:
    """Written out, because this runs for nearly every event; adding a half and cutting off is to round."""
    seconds, ratio = event.seconds, event.mean_probability
    return _STATED_WINDOW(
        event_id,
        device_id,
        event.seq,
        started_us,
        ended_us,
        event.frames,
        event.faces,
        int(event.coverage * 1e6 + 0.5),
        int(seconds.neutral * 1e3 + 0.5),
        int(seconds.stress * 1e3 + 0.5),
        int(seconds.sad * 1e3 + 0.5),
        int(seconds.happy * 1e3 + 0.5),
        int(seconds.fatigue * 1e3 + 0.5),
        int(ratio.neutral * 1e6 + 0.5),
        int(ratio.stress * 1e6 + 0.5),
        int(ratio.sad * 1e6 + 0.5),
        int(ratio.happy * 1e6 + 0.5),
        int(ratio.fatigue * 1e6 + 0.5),
    )


def _episode(event_id: bytes, device_id: int, started_us: int, ended_us: int, event: Episode) -> bytes:
    return _STATED_EPISODE(
        event_id,
        device_id,
        event.seq,
        started_us,
        ended_us,
        event.episode_id.bytes,
        _PHASES[event.phase],
        _CONDITIONS[event.condition],
        round(event.peak * 1e6),
        round(event.mean * 1e6),
        round(event.coverage * 1e6),
    )


def _gap(event_id: bytes, device_id: int, started_us: int, ended_us: int, event: Gap) -> bytes:
    return _STATED_GAP(event_id, device_id, event.seq, started_us, ended_us, _REASONS[event.reason], event.lost)


def pack(
    event: ArrivedEvent,
    event_id: bytes,
    device_id: int,
    started_us: int,
    ended_us: int,
    shift_ms: int,
    model: int,
    place: int,
) -> bytes:
    """The record of `event`, whose own times are `started_us` and `ended_us` (since 1970), off by `shift_ms`.

    `model` is the number of its model version among those given to the statement, from 1. The digest covers what the
    device said as it will be stored, not the correction, which differs between two sendings.
    """
    if isinstance(event, ArrivedWindow):
        stated = _window(event_id, device_id, started_us, ended_us, event)
    elif isinstance(event, Episode):
        stated = _episode(event_id, device_id, started_us, ended_us, event)
    else:
        stated = _gap(event_id, device_id, started_us, ended_us, event)
    digest = blake2b(stated + event.model_version.encode(), digest_size=8).digest()
    offset_us = shift_ms * 1000 - POSTGRES_EPOCH_US
    return stated + digest + _MADE(started_us + offset_us, ended_us + offset_us, shift_ms, model, place)


def id_of(record: bytes) -> bytes:
    return record[_ID]


def content_of(record: bytes) -> tuple[int, int]:
    """Whose event it is, and the digest of what it says: two events of one id are the same when these agree."""
    return device_of(record), int.from_bytes(record[_CONTENT], signed=True)


def place_of(record: bytes) -> int:
    return int.from_bytes(record[_PLACE], signed=True)


def device_of(record: bytes) -> int:
    return int.from_bytes(record[_DEVICE], signed=True)


def lost_of(gap: bytes) -> int:
    """How many events a gap stands for."""
    return int.from_bytes(gap[_LOST], signed=True)


def _native(number: int) -> int:
    """The word that reads as `number` in big-endian memory."""
    return int.from_bytes(number.to_bytes(WORD), sys.byteorder)


def binary_columns(layout: Layout, records: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """The type and the binary array of each column, in the order of `layout.columns`."""
    words = array("I")
    words.frombytes(b"".join(records))
    stride, offset = layout.words, 0
    for name, type_ in layout.fields:
        oid, width = _TYPES[type_]
        if name:
            elements = array("I", [_native(width * WORD)]) * ((width + 1) * len(records))
            for word in range(width):
                elements[word + 1 :: width + 1] = words[offset + word :: stride]
            yield type_, struct.pack(">5i", 1, 0, oid, len(records), 1) + elements.tobytes()
        offset += width


def pack_array(type_: Literal["int4", "int8"], numbers: Collection[int]) -> bytes:
    """A binary array of integers."""
    oid, width = _TYPES[type_]
    size, code = width * WORD, {"int4": "i", "int8": "q"}[type_]
    if not numbers:
        return struct.pack(">3i", 0, 0, oid)
    elements = struct.pack(">" + f"i{code}" * len(numbers), *[word for number in numbers for word in (size, number)])
    return struct.pack(">5i", 1, 0, oid, len(numbers), 1) + elements
