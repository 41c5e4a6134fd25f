"""The statements of intake, written from the layouts of the records.

Arrays are unnested in the select list, not in FROM, where each column would go through a tuple store of its own:
measured, that is the difference between 1.3 and 2 times the cost of COPY.
"""

from dataclasses import fields
from typing import Final

from stressvision_store.flushes import Letter
from stressvision_store.records import GAP, LAYOUTS, Layout

BUCKET: Final = "5 min"
"""The grid of the rollups; a mark names one bucket of it."""

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
LETTER: Final = tuple(field.name for field in fields(Letter))
_LETTER_TYPES: Final = ("int4", "text", "int8", "text", "text", "bytea", "timestamptz", "text", "float8", "timestamptz")


def _letters(first: int) -> str:
    """What lies there already is left out; asked for one by one, because a join would read the whole table."""
    numbers = zip(_numbers(first, len(_LETTER_TYPES)), _LETTER_TYPES, strict=True)
    return f"""letters AS (
    INSERT INTO dead_letters ({", ".join(LETTER)})
    SELECT * FROM unnest({", ".join(f"{number}::{type_}[]" for number, type_ in numbers)})
    AS refused ({", ".join(LETTER)})
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


STORE_ALL_GOOD: Final = _store("letters AS (SELECT 0 AS device_id WHERE false)").encode()
STORE_SOME_REFUSED: Final = _store(_letters(_FIRST_LETTER)).encode()

REFUSE: Final = f"""
WITH {_letters(1)}
INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost)
SELECT device_id, 0, -count(*), count(*), 0 FROM letters GROUP BY device_id
""".encode()  # noqa: S608

CONTENTS: Final = b"""
SELECT event_id, device_id, content FROM events WHERE event_id = ANY($1::uuid[]) AND event_id BETWEEN $2 AND $3
"""
