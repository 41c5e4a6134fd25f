"""Flushes of made-up events, and a connection to store them over."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import msgspec
import psycopg

from stressvision_store.arrivals import ArrivedEvent
from stressvision_store.binary import Connection, connect
from stressvision_store.flushes import Flush, Letter
from stressvision_store.records import pack
from support.database import Database

MODELS = ["company5-1.0.0", "other-2"]
NOW = datetime.now(UTC)


def record(event: dict, *, device: int = 1, shift_ms: int = 0, model: int = 1, place: int = 0) -> bytes:
    arrived = msgspec.json.decode(json.dumps(event).encode(), type=ArrivedEvent)
    started_us, ended_us = (round(time.timestamp() * 1e6) for time in (arrived.started_at, arrived.ended_at))
    return pack(arrived, arrived.event_id.bytes, device, started_us, ended_us, shift_ms, model, place)


def flush_of(*events: dict, device: int = 1, letters: list[Letter] | None = None, **changes) -> Flush:
    flush = Flush(letters=letters or [])
    for place, event in enumerate(events):
        kind = {"window": flush.windows, "episode": flush.episodes, "gap": flush.gaps}[event["kind"]]
        kind.append(record(event, device=device, place=place, **changes))
    flush.sent[device] = (len(events) + len(flush.letters), max((event["seq"] for event in events), default=-1))
    flush.sort()
    return flush


def merged(*flushes: Flush) -> Flush:
    whole = Flush()
    for flush in flushes:
        for kind in ("windows", "episodes", "gaps", "letters"):
            getattr(whole, kind).extend(getattr(flush, kind))
        whole.sent |= flush.sent
    whole.sort()
    return whole


def letter(**changes) -> Letter:
    values = {"device_id": 1, "event_id": None, "seq": None, "reason": "malformed", "detail": "d", "body": b"5"}
    return Letter(**{**values, "sent_at": NOW, "boot_id": "b", **changes})


def run(database: Database, use: Callable[[Connection], Awaitable]):
    async def connected():
        connection = await connect(database.url("ingest"), name="test", statement_timeout_s=5)
        try:
            return await use(connection)
        finally:
            await connection.close()

    return asyncio.run(connected())


def rows(database: Database, statement: str) -> list[tuple]:
    with psycopg.connect(database.url("owner")) as connection:
        return connection.execute(statement).fetchall()
