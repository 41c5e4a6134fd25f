"""Store a flush of events in one statement, each once, with the marks, the tallies and the dead letters it makes.

The statement is its own transaction (the connection is in autocommit): what it reports is committed.
Arrays are unnested in the select list, not in FROM, where each column would go through a tuple store of its own:
measured, that is the difference between 1.3 and 2 times the cost of COPY.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format

from stressvision_store.records import (
    EPISODE,
    GAP,
    LAYOUTS,
    WINDOW,
    Layout,
    binary_columns,
    content_of,
    id_of,
    pack_array,
)

BUCKET: Final = "5 min"
"""The grid of the rollups; a mark names one bucket of it."""

Connection = psycopg.AsyncConnection[tuple[object, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A refused event for the dead letters. `body` is what the device sent of it."""

    device_id: int
    event_id: str | None
    seq: int | None
    reason: str
    detail: str
    body: bytes
    sent_at: datetime
    boot_id: str
    sent_monotonic_s: float | None = None
    boot_started_at: datetime | None = None


@dataclass(slots=True)
class Flush:
    """What is stored together: the records of each kind, the refused, and how many events each device sent.

    `sent` maps a device to its number of events here, refused ones included, and to the highest of their `seq`
    (-1: none has one).
    """

    windows: list[bytes] = field(default_factory=list)
    episodes: list[bytes] = field(default_factory=list)
    gaps: list[bytes] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    sent: dict[int, tuple[int, int]] = field(default_factory=dict)

    def records(self) -> list[bytes]:
        """All of them, in the order in which the statement inserts."""
        return [*self.windows, *self.episodes, *self.gaps]

    def sort(self) -> None:
        """By id: two flushes that share ids then wait for each other instead of deadlocking."""
        for records in (self.windows, self.episodes, self.gaps):
            records.sort()


class _Column(bytes):
    """A Postgres array in binary, ready to be sent."""


class _Uuids(_Column):
    pass


class _Bigints(_Column):
    pass


class _Timestamps(_Column):
    pass


class _Integers(_Column):
    pass


class _ColumnDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer | None:
        return bytes(obj)


class _UuidsDumper(_ColumnDumper):
    oid = 2951


class _BigintsDumper(_ColumnDumper):
    oid = 1016


class _TimestampsDumper(_ColumnDumper):
    oid = 1185


class _IntegersDumper(_ColumnDumper):
    oid = 1007


_COLUMNS: Final[dict[str, type[_Column]]] = {
    "uuid": _Uuids,
    "int8": _Bigints,
    "timestamptz": _Timestamps,
    "int4": _Integers,
}

_OWN: Final = tuple(dict.fromkeys(name for layout in LAYOUTS for name, _ in layout.own))
_HEAD: Final = ("event_id", "device_id", "seq", "started_at", "ended_at", "clock_shift_ms", "content")


def _numbers(first: int, count: int) -> list[str]:
    """Parameters of a statement: `$3`, `$4`, …"""
    return [f"${number}" for number in range(first, first + count)]


def _select(layout: Layout, first: int) -> str:
    """Rows of one kind from its arrays, whose parameters begin with `first`; columns of other kinds are null."""
    own = dict(layout.own)
    names = [name for name, _ in layout.columns]
    arrays = ", ".join(
        f"unnest({number}) AS {name}" for number, name in zip(_numbers(first, len(names)), names, strict=True)
    )
    values = ", ".join(name if name in own else f"NULL::{_type_of(name)}" for name in _OWN)
    return f"SELECT {', '.join(_HEAD)}, {layout.kind}, ($1::text[])[model], {values} FROM (SELECT {arrays}) AS of_kind"  # noqa: S608 - names from this package only


def _type_of(name: str) -> str:
    return next(type_ for layout in LAYOUTS for column, type_ in layout.own if column == name)


_FIRST_OF: Final = {
    layout.kind: 2 + sum(len(before.columns) for before in LAYOUTS[:place]) for place, layout in enumerate(LAYOUTS)
}
FIRST_AFTER_EVENTS: Final = 2 + sum(len(layout.columns) for layout in LAYOUTS)
_FIRST_LETTER: Final = FIRST_AFTER_EVENTS + 4
_LETTER: Final = tuple(field.name for field in fields(Letter))
_LETTER_TYPES: Final = ("int4", "text", "int8", "text", "text", "bytea", "timestamptz", "text", "float8", "timestamptz")


def _letters(first: int) -> str:
    """What lies there already is left out; asked for one by one, because a join would read the whole table."""
    numbers = zip(_numbers(first, len(_LETTER_TYPES)), _LETTER_TYPES, strict=True)
    return f"""letters AS (
    INSERT INTO dead_letters ({", ".join(_LETTER)})
    SELECT * FROM unnest({", ".join(f"{number}::{type_}[]" for number, type_ in numbers)})
    AS refused ({", ".join(_LETTER)})
    WHERE (
        SELECT true FROM dead_letters AS known
        WHERE known.device_id = refused.device_id AND coalesce(known.event_id, '') = coalesce(refused.event_id, '')
          AND md5(known.body) = md5(refused.body) AND known.reason = refused.reason
        LIMIT 1
    ) IS NULL
    RETURNING device_id
)"""  # noqa: S608


INSERT_EVENTS: Final = f"""
    INSERT INTO events ({", ".join(_HEAD)}, kind, model_version, {", ".join(_OWN)})
    {" UNION ALL ".join(_select(layout, _FIRST_OF[layout.kind]) for layout in LAYOUTS)}"""
"""What stores the events of `event_parameters`, which are the first parameters of the statement around it."""


def _store(letters: str) -> str:
    devices, counts, numbers, rows = _numbers(FIRST_AFTER_EVENTS, 4)
    return f"""
WITH inserted AS ({INSERT_EVENTS}
    ON CONFLICT DO NOTHING
    RETURNING event_id, device_id, started_at, kind, lost
), {letters}, marks AS (
    INSERT INTO dirty_windows (device_id, bucket_at)
    SELECT DISTINCT device_id, date_bin('{BUCKET}', started_at, 'epoch') FROM inserted WHERE kind <> {GAP.kind}
), tallies AS (
    INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost, max_seq)
    SELECT device_id, sum(stored), sum(sent - stored - rejected), sum(rejected), sum(lost), nullif(max(max_seq), -1)
    FROM (
        SELECT device_id, 0 AS sent, count(*) AS stored, 0 AS rejected, coalesce(sum(lost), 0) AS lost, -1 AS max_seq
        FROM inserted GROUP BY device_id
        UNION ALL SELECT device_id, 0, 0, 1, 0, -1 FROM letters
        UNION ALL SELECT unnest({devices}), unnest({counts}), 0, 0, 0, unnest({numbers})
    ) AS counted
    GROUP BY device_id
)
SELECT CASE WHEN (SELECT count(*) FROM inserted) < {rows} THEN ARRAY(SELECT event_id FROM inserted) END
"""  # noqa: S608


_STORE_ALL_GOOD: Final = _store("letters AS (SELECT 0 AS device_id WHERE false)").encode()
_STORE_SOME_REFUSED: Final = _store(_letters(_FIRST_LETTER)).encode()

_REFUSE: Final = f"""
WITH {_letters(1)}
INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost)
SELECT device_id, 0, -count(*), count(*), 0 FROM letters GROUP BY device_id
""".encode()  # noqa: S608

_CONTENTS: Final = b"""
SELECT event_id, device_id, content FROM events WHERE event_id = ANY($1::uuid[]) AND event_id BETWEEN $2 AND $3
"""


async def connect(url: str, *, name: str, statement_timeout_s: float) -> Connection:
    """A connection in autocommit that knows binary columns. Raise `psycopg.OperationalError` when there is none.

    Keepalives and the TCP timeout notice a vanished server; the statement timeout bounds everything else.
    """
    connection = await psycopg.AsyncConnection.connect(
        url,
        autocommit=True,
        cursor_factory=psycopg.AsyncRawCursor,  # parameters as Postgres numbers them: nothing to parse
        application_name=name,
        connect_timeout=5,
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=round(statement_timeout_s * 1000),
        options=f"-c statement_timeout={round(statement_timeout_s * 1000)} -c synchronous_commit=on -c jit=off",
    )
    for column, dumper in (
        (_Uuids, _UuidsDumper),
        (_Bigints, _BigintsDumper),
        (_Timestamps, _TimestampsDumper),
        (_Integers, _IntegersDumper),
    ):
        connection.adapters.register_dumper(column, dumper)
    return connection


def _arrays(layout: Layout, records: Sequence[bytes]) -> list[object]:
    return [_COLUMNS[type_](data) for type_, data in binary_columns(layout, records)]


def event_parameters(flush: Flush, models: Sequence[str]) -> list[object]:
    """The parameters of `INSERT_EVENTS`; `models[k - 1]` is the version that records call `k`."""
    parameters: list[object] = [list(models)]
    for layout, records in ((WINDOW, flush.windows), (EPISODE, flush.episodes), (GAP, flush.gaps)):
        parameters += _arrays(layout, records)
    return parameters


def _sent_arrays(sent: dict[int, tuple[int, int]]) -> list[object]:
    counts, highest = [count for count, _ in sent.values()], [seq for _, seq in sent.values()]
    return [
        _Integers(pack_array("int4", sent)),
        _Integers(pack_array("int4", counts)),
        _Bigints(pack_array("int8", highest)),
    ]


def _letter_arrays(letters: Sequence[Letter]) -> list[object]:
    return [[getattr(letter, name) for letter in letters] for name in _LETTER]


async def store(connection: Connection, flush: Flush, models: Sequence[str]) -> frozenset[bytes] | None:
    """Commit a sorted flush; return the ids that were really inserted, or None when all were.

    `models[k - 1]` is the version that records call `k`. Refused events that lie in the dead letters already count as
    duplicates. Raise `psycopg.Error` when nothing was stored, or when it is not known whether it was.
    """
    parameters = event_parameters(flush, models) + _sent_arrays(flush.sent)
    parameters.append(len(flush.windows) + len(flush.episodes) + len(flush.gaps))
    if flush.letters:
        parameters += _letter_arrays(flush.letters)
    statement = _STORE_SOME_REFUSED if flush.letters else _STORE_ALL_GOOD
    cursor = await connection.execute(statement, parameters, prepare=True, binary=True)
    row = await cursor.fetchone()
    assert row is not None
    inserted = row[0]
    return None if inserted is None else frozenset(event_id.bytes for event_id in inserted)  # type: ignore[attr-defined]


async def contents(connection: Connection, ids: Iterable[bytes]) -> dict[bytes, tuple[int, int]]:
    """Of each id that is stored: its device and the digest of its content (see `records.content_of`)."""
    wanted = sorted({UUID(bytes=event_id) for event_id in ids})
    if not wanted:
        return {}
    # the bounds let Postgres leave out all days but those of these ids
    cursor = await connection.execute(_CONTENTS, [wanted, wanted[0], wanted[-1]], prepare=True, binary=True)
    return {event_id.bytes: (device_id, content) async for event_id, device_id, content in cursor}  # type: ignore[attr-defined,misc]


async def refuse(connection: Connection, letters: Sequence[Letter]) -> None:
    """Dead letters for events that the statement had counted as duplicates; the tallies are put right with them."""
    await connection.execute(_REFUSE, _letter_arrays(letters), binary=True)


Verdict = Literal["stored", "duplicate", "conflict"]


async def verdicts(
    connection: Connection, records: Sequence[bytes], inserted: frozenset[bytes]
) -> dict[bytes, list[Verdict]]:
    """What became of each record of a flush of which only `inserted` ids were new; one verdict for each time it occurs.

    Where one id comes twice, the content that is stored decides which of them it was.
    """
    times = Counter(map(id_of, records))
    known = await contents(connection, [event_id for event_id, n in times.items() if n > 1 or event_id not in inserted])
    unclaimed = set(inserted)
    found: dict[bytes, list[Verdict]] = defaultdict(list)
    for record in records:
        event_id, content = id_of(record), content_of(record)
        if known.get(event_id, content) != content:
            found[record].append("conflict")
        elif event_id in unclaimed:
            unclaimed.remove(event_id)
            found[record].append("stored")
        else:
            found[record].append("duplicate")
    return found
