"""Events as fixed-width records, so that a thousand of them become binary columns by slicing alone.

A record is big-endian words of four bytes: the event's id first, so that records sort by id, then what every kind
has, then what its own kind has, and last its place in its batch, which is not stored. Times are in microseconds
since 2000, as Postgres keeps them; times under labels in ms; probabilities in parts per million.
"""

import struct
import sys
from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

from stressvision_contracts.events import AnyEvent, Episode, Gap, Window
from stressvision_contracts.labels import COMPANY5, CONDITIONS, GAP_REASONS

POSTGRES_EPOCH_US: Final = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970."""

WORD: Final = 4
assert array("I").itemsize == WORD

_TYPES: Final = {"uuid": (2950, 4), "int8": (20, 2), "timestamptz": (1184, 2), "int4": (23, 1)}
"""Of each type: the OID and the width in words."""

HEAD: Final = (
    ("event_id", "uuid"),
    ("seq", "int8"),
    ("started_at", "timestamptz"),
    ("ended_at", "timestamptz"),
    ("clock_shift_ms", "int8"),
    ("content", "int8"),
    ("device_id", "int4"),
    ("model", "int4"),
)
_HEAD = struct.Struct(">16sqqqqqii")
_STATED = struct.Struct(">16siqqq")
_ID = slice(0, 16)
_CONTENT = slice(48, 56)
_DEVICE = slice(56, 60)


@dataclass(frozen=True)
class Layout:
    """One kind of event: its number in `events.kind`, and the columns that only it has, each an int4 or a uuid."""

    kind: int
    own: tuple[tuple[str, str], ...]

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        return HEAD + self.own

    @property
    def words(self) -> int:
        return sum(_TYPES[type_][1] for _, type_ in self.columns) + 1


def _int4(*names: str) -> tuple[tuple[str, str], ...]:
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

_WINDOW = struct.Struct(">13i")
_EPISODE = struct.Struct(">16s5i")
_GAP = struct.Struct(">2i")
_PLACE = struct.Struct(">i")
_PHASES = {"open": 1, "close": 2}
_CONDITIONS = {name: number for number, name in enumerate(CONDITIONS, 1)}
_REASONS = {name: number for number, name in enumerate(GAP_REASONS, 1)}


def _window(event: Window) -> bytes:
    seconds, probability = event.seconds.get, event.mean_probability.get
    return _WINDOW.pack(
        event.frames,
        event.faces,
        round(event.coverage * 1e6),
        *[round(seconds(label, 0.0) * 1e3) for label in COMPANY5],
        *[round(probability(label, 0.0) * 1e6) for label in COMPANY5],
    )


def _episode(event: Episode) -> bytes:
    return _EPISODE.pack(
        event.episode_id.bytes,
        _PHASES[event.phase],
        _CONDITIONS[event.condition],
        round(event.peak * 1e6),
        round(event.mean * 1e6),
        round(event.coverage * 1e6),
    )


def _gap(event: Gap) -> bytes:
    return _GAP.pack(_REASONS[event.reason], event.lost)


def layout_of(event: AnyEvent) -> Layout:
    if isinstance(event, Window):
        return WINDOW
    return EPISODE if isinstance(event, Episode) else GAP


def pack(
    event: AnyEvent, *, device_id: int, model: int, started_us: int, ended_us: int, shift_ms: int, place: int
) -> bytes:
    """The record of `event`, whose own times are `started_us` and `ended_us` (since 1970), off by `shift_ms`.

    `model` is the place of its model version among those given to the statement, from 1. The content's digest covers
    what the device said as it will be stored, not the correction, which differs between two sendings.
    """
    if isinstance(event, Window):
        own = _window(event)
    elif isinstance(event, Episode):
        own = _episode(event)
    else:
        own = _gap(event)
    event_id = event.event_id.bytes
    stated = _STATED.pack(event_id, device_id, event.seq, started_us, ended_us)
    digest = blake2b(stated + own + event.model_version.encode(), digest_size=8).digest()
    offset_us = shift_ms * 1000 - POSTGRES_EPOCH_US
    times = started_us + offset_us, ended_us + offset_us, shift_ms
    head = _HEAD.pack(event_id, event.seq, *times, int.from_bytes(digest, signed=True), device_id, model)
    return head + own + _PLACE.pack(place)


def id_of(record: bytes) -> bytes:
    return record[_ID]


def content_of(record: bytes) -> tuple[int, int]:
    """Whose event it is, and the digest of what it says: two events of one id are the same when these agree."""
    return int.from_bytes(record[_DEVICE], signed=True), int.from_bytes(record[_CONTENT], signed=True)


def place_of(record: bytes) -> int:
    return int.from_bytes(record[-WORD:], signed=True)


def _native(number: int) -> int:
    """The word that reads as `number` in big-endian memory."""
    return int.from_bytes(number.to_bytes(WORD), sys.byteorder)


def binary_columns(layout: Layout, records: Sequence[bytes]) -> Iterator[tuple[str, bytes]]:
    """The type and the binary array of each column, in the order of `layout.columns`."""
    words = array("I")
    words.frombytes(b"".join(records))
    stride, offset = layout.words, 0
    for _, type_ in layout.columns:
        oid, width = _TYPES[type_]
        elements = array("I", [_native(width * WORD)]) * ((width + 1) * len(records))
        for word in range(width):
            elements[word + 1 :: width + 1] = words[offset + word :: stride]
        offset += width
        yield type_, struct.pack(">5i", 1, 0, oid, len(records), 1) + elements.tobytes()


def pack_array(type_: Literal["int4", "int8"], numbers: Collection[int]) -> bytes:
    """A binary array of integers."""
    oid, width = _TYPES[type_]
    size, code = width * WORD, {"int4": "i", "int8": "q"}[type_]
    if not numbers:
        return struct.pack(">3i", 0, 0, oid)
    elements = struct.pack(">" + f"i{code}" * len(numbers), *[word for number in numbers for word in (size, number)])
    return struct.pack(">5i", 1, 0, oid, len(numbers), 1) + elements
