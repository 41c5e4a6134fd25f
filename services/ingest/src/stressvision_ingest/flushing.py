"""What one flush comes to: batches stored with one statement and one commit, and each answered after it.

A statement that fails for its data is taken apart until the one event to blame stands alone.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

import msgspec
import psycopg

from stressvision_contracts.events import BatchReceipt
from stressvision_ingest import metrics
from stressvision_ingest.settings import Settings
from stressvision_ingest.verdicts import CONFLICT_DETAIL, Judged, part, refuse
from stressvision_ingest.waiting import Waiting, waiting_for
from stressvision_store import fresh, intake
from stressvision_store.binary import Connection
from stressvision_store.flushes import Flush
from stressvision_store.records import place_of

log = logging.getLogger(__name__)

REPLAYS_LAST: Final = 100
"""Flushes after one that met a replay which are not taken for new: replays come in storms, and a try costs its rows."""

CLIENT_GRACE_S: Final = 2.0
"""How much longer than the server's own limit a statement may take before its connection is given up."""

_POISON: Final = (psycopg.DataError, psycopg.IntegrityError)
_COLLISION: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


class Flusher:
    """Stores batches over a connection of the caller's; `models` and `wake` as for the coalescer."""

    def __init__(self, settings: Settings, *, models: list[str], wake: Callable[[], None]) -> None:
        self._limit_s = settings.statement_timeout_s + CLIENT_GRACE_S
        self._models = models
        self._wake = wake
        self._replays_about = 0

    async def flush(self, connection: Connection, batches: list[Waiting]) -> None:
        """Store and answer `batches`. Raise `psycopg.Error` or `TimeoutError` when some were not answered."""
        try:
            await self._commit(connection, batches)
        except _COLLISION:
            metrics.FLUSH_RETRIES.labels(why="deadlock").inc()
            await self._commit(connection, batches)
        except _POISON as error:
            metrics.FLUSH_RETRIES.labels(why="split").inc()
            await self._isolate(connection, batches, error)

    async def _isolate(self, connection: Connection, batches: list[Waiting], error: psycopg.Error) -> None:
        """Each batch alone, then in halves, until the event that Postgres will not have stands alone."""
        if len(batches) > 1:
            for waiting in batches:
                await self.flush(connection, [waiting])
            return
        judged = batches[0].judged
        receipt = await self._piecemeal(connection, part(judged, judged.flush.records(), judged.flush.letters), error)
        batches[0].answer(msgspec.structs.replace(receipt, rejected=[*judged.rejected, *receipt.rejected]))

    async def _piecemeal(self, connection: Connection, judged: Judged, error: psycopg.Error) -> BatchReceipt:
        records = judged.flush.records()
        if not records:
            raise error  # it was not for the events
        if len(records) == 1:
            rejection, set_aside = refuse(judged, place_of(records[0]), "bad_value", f"Postgres refuses it: {error}")
            rest = part(judged, [], [*judged.flush.letters, set_aside])
            receipt = await self._commit_one(connection, rest)
            return msgspec.structs.replace(receipt, rejected=[rejection], acked_seq=judged.acked_seq)
        middle = len(records) // 2
        receipts = []
        for half in (part(judged, records[:middle], judged.flush.letters), part(judged, records[middle:], [])):
            try:
                receipts.append(await self._commit_one(connection, half))
            except _POISON as cause:
                receipts.append(await self._piecemeal(connection, half, cause))
        return BatchReceipt(
            stored=sum(receipt.stored for receipt in receipts),
            duplicate=sum(receipt.duplicate for receipt in receipts),
            rejected=[rejection for receipt in receipts for rejection in receipt.rejected],
            acked_seq=judged.acked_seq,
        )

    async def _commit_one(self, connection: Connection, judged: Judged) -> BatchReceipt:
        alone = waiting_for(judged)
        await self._commit(connection, [alone])
        return alone.receipt.result()

    async def _commit(self, connection: Connection, batches: list[Waiting]) -> None:
        """Store these batches with one statement and answer each."""
        flush = _merge([waiting.judged.flush for waiting in batches])
        begun_s = time.monotonic()
        async with asyncio.timeout(self._limit_s):
            new = await self._stored_as_new(connection, flush)
            inserted = None if new else await intake.store(connection, flush, self._models)
            metrics.FLUSH_SECONDS.observe(time.monotonic() - begun_s)
            if inserted is None:
                for waiting in batches:
                    waiting.answer(waiting.judged.receipt(duplicate=0))
            else:
                await self._tell_apart(connection, flush, inserted, batches)
        metrics.FLUSH_ROWS.observe(len(flush.windows) + len(flush.episodes) + len(flush.gaps))
        if inserted is None or inserted:
            self._wake()

    async def _stored_as_new(self, connection: Connection, flush: Flush) -> bool:
        """Whether the flush is committed, all of it new; where replays are about, it is not tried."""
        if flush.letters:
            return False
        if self._replays_about:
            self._replays_about -= 1
            return False
        if await fresh.store(connection, flush, self._models):
            return True
        metrics.FLUSH_RETRIES.labels(why="replay").inc()
        self._replays_about = REPLAYS_LAST
        return False

    async def _tell_apart(
        self, connection: Connection, flush: Flush, inserted: frozenset[bytes], batches: list[Waiting]
    ) -> None:
        """Some were not inserted: which are replays, and which clash with what is stored?"""
        verdicts = await intake.verdicts(connection, flush.records(), inserted)
        receipts, letters = [], []
        for waiting in batches:
            judged, duplicate, conflicts = waiting.judged, 0, []
            for record in judged.flush.records():
                verdict = verdicts[record].pop()
                duplicate += verdict == "duplicate"
                if verdict == "conflict":
                    rejection, set_aside = refuse(judged, place_of(record), "conflict", CONFLICT_DETAIL)
                    conflicts.append(rejection)
                    letters.append(set_aside)
            receipts.append(judged.receipt(duplicate=duplicate, conflicts=conflicts))
        if letters:
            metrics.CONFLICTS.inc(len(letters))
            log.error("events came with other content under a stored id", extra={"events": len(letters)})
            await intake.refuse(connection, letters)
        for waiting, receipt in zip(batches, receipts, strict=True):
            waiting.answer(receipt)


def _merge(flushes: list[Flush]) -> Flush:
    merged = Flush()
    for flush in flushes:
        merged.windows += flush.windows
        merged.episodes += flush.episodes
        merged.gaps += flush.gaps
        merged.letters += flush.letters
        for device_id, (count, seq) in flush.sent.items():
            known_count, known_seq = merged.sent.get(device_id, (0, -1))
            merged.sent[device_id] = known_count + count, max(known_seq, seq)
    merged.sort()
    return merged
