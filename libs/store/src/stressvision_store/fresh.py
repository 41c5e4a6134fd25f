"""Store a flush whose events are all new: what nearly every flush is, at two thirds of the database's work.

Without `ON CONFLICT` Postgres neither probes for a replay before each row nor takes the row in two steps; and when all
are stored, what the marks and tallies say is known before. One replay undoes the whole: then `intake.store` must be
used after all, which tells replays apart.
"""

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Final

import psycopg

from stressvision_store.binary import Connection
from stressvision_store.flushes import Flush
from stressvision_store.intake import event_parameters
from stressvision_store.intake_statements import FIRST_AFTER_EVENTS, INSERT_EVENTS
from stressvision_store.records import EPISODE, WINDOW, WORD, Layout, device_of, lost_of

BUCKET_S: Final = 300
"""`intake_statements.BUCKET`, whose grid since 1970 is also one since 2000, when Postgres' time begins."""

_POSTGRES_EPOCH_S: Final = 946_684_800
_US: Final = 1_000_000


def _store() -> bytes:
    mark_device, mark_at, device, sent, lost, seq = (f"${FIRST_AFTER_EVENTS + place}" for place in range(6))
    return f"""
WITH stored AS ({INSERT_EVENTS}), marks AS (
    INSERT INTO dirty_windows (device_id, bucket_at)
    SELECT unnest({mark_device}::int4[]), to_timestamp(unnest({mark_at}::int8[]))
)
INSERT INTO intake_tallies (device_id, stored, duplicate, rejected, lost, max_seq)
SELECT unnest({device}::int4[]), unnest({sent}::int4[]), 0, 0, unnest({lost}::int4[]),
       nullif(unnest({seq}::int8[]), -1)
""".encode()


_STORE: Final = _store()


async def store(connection: Connection, flush: Flush, models: Sequence[str]) -> bool:
    """Commit a sorted flush without refused events; return False, with nothing stored, when one was stored before.

    `models` is as for `intake.store`, and `psycopg.Error` means the same.
    """
    parameters = [*event_parameters(flush, models), *_marks(flush), *_tallies(flush)]
    try:
        await connection.execute(_STORE, parameters, prepare=True, binary=True)
    except psycopg.errors.UniqueViolation:
        return False
    return True


def _marks(flush: Flush) -> list[list[int]]:
    marks = sorted({*_buckets(WINDOW, flush.windows), *_buckets(EPISODE, flush.episodes)})
    return [[device for device, _ in marks], [_POSTGRES_EPOCH_S + bucket * BUCKET_S for _, bucket in marks]]


def _buckets(layout: Layout, records: Sequence[bytes]) -> set[tuple[int, int]]:
    """The device and the five minutes since 2000 of each record, once."""
    device_and_start = struct.Struct(f">16xi{layout.words * WORD - 52}xq24x")
    pairs = device_and_start.iter_unpack(b"".join(records))
    return {(device, started_us // (BUCKET_S * _US)) for device, started_us in pairs}


def _tallies(flush: Flush) -> list[list[int]]:
    lost = Counter[int]()
    for record in flush.gaps:
        lost[device_of(record)] += lost_of(record)
    sent = flush.sent
    counts, highest = [count for count, _ in sent.values()], [seq for _, seq in sent.values()]
    return [[*sent], counts, [lost[device] for device in sent], highest]
