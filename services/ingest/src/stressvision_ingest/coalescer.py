"""Store concurrent batches together: requests that wait at the same time share one statement and one commit.

Each is answered only after the commit that holds it. The queue is bounded in events and in age; what does not get in
is told so at once. A statement that fails for its data is taken apart until the one event to blame stands alone.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Final

import msgspec
import psycopg

from stressvision_contracts.events import BatchReceipt
from stressvision_ingest import metrics
from stressvision_ingest.errors import BusyError
from stressvision_ingest.settings import Settings
from stressvision_ingest.verdicts import CONFLICT_DETAIL, Judged, part, refuse
from stressvision_store import fresh, intake
from stressvision_store.intake import Flush
from stressvision_store.records import place_of

log = logging.getLogger(__name__)

AWAY_RETRY_S: Final = 5
"""What devices are told while the database is away."""

MAX_BACKOFF_S: Final = 5.0
JOIN_SHARE: Final = 4
JOIN_AGE_S: Final = 0.005
"""A second statement begins beside a running one for a quarter of a full flush, or after this wait."""

REPLAYS_LAST: Final = 100
"""Flushes after one that met a replay which are not taken for new: replays come in storms, and a try costs its rows."""

CLIENT_GRACE_S: Final = 2.0
"""How much longer than the server's own limit a statement may take before its connection is given up."""

_POISON: Final = (psycopg.DataError, psycopg.IntegrityError)
_COLLISION: Final = (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure)


@dataclass(slots=True, eq=False)
class _Waiting:
    judged: Judged
    receipt: "asyncio.Future[BatchReceipt]"
    since_s: float
    attempts: int = 0

    def answer(self, receipt: BatchReceipt) -> None:
        if not self.receipt.done():  # the sender may be gone
            self.receipt.set_result(receipt)

    def refuse(self, error: Exception) -> None:
        if not self.receipt.done():
            self.receipt.set_exception(error)


class Coalescer:
    """`models` names the model versions by their number in records (the first is 1); it only ever grows."""

    def __init__(self, settings: Settings, *, models: list[str], wake: Callable[[], None]) -> None:
        self._settings = settings
        self._models = models
        self._wake = wake
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._arrived = asyncio.Event()
        self._stopping = asyncio.Event()
        self._connected = 0
        self._flushing = 0
        self._replays_about = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._write(), name=f"writer-{n}") for n in range(self._settings.writers)]

    async def stop(self) -> None:
        """Store what waits, then let go of the connections."""
        self._stopping.set()
        self._arrived.set()
        await asyncio.gather(*self._tasks)
        self._refuse_waiting()

    @property
    def connections(self) -> int:
        """Writers that are ready."""
        return self._connected

    @property
    def rows(self) -> int:
        """Events that wait."""
        return self._rows

    def age_s(self) -> float:
        """How long the oldest has waited."""
        return time.monotonic() - self._waiting[0].since_s if self._waiting else 0.0

    @property
    def under_pressure(self) -> bool:
        return self._rows * 2 >= self._settings.queue_rows

    async def store(self, judged: Judged) -> BatchReceipt:
        """The receipt, after commit. Raise `BusyError` when it cannot be taken now; nothing was then promised."""
        self._admit(judged.size)
        waiting = _Waiting(judged, asyncio.get_running_loop().create_future(), time.monotonic())
        self._waiting.append(waiting)
        self._rows += judged.size
        self._arrived.set()
        return await waiting.receipt

    def check(self) -> None:
        """Raise `BusyError` when a batch of any size would be turned away."""
        if self._stopping.is_set():
            raise BusyError("the service is going down; send again", retry_after_s=AWAY_RETRY_S)
        if not self._connected:
            raise BusyError("the database is away; keep the events and send again", retry_after_s=AWAY_RETRY_S)
        age_s = self.age_s()
        if age_s > self._settings.queue_age_s:
            raise BusyError(f"the oldest batch has waited for {age_s:.1f} s; send again", retry_after_s=ceil(age_s))

    def _admit(self, size: int) -> None:
        self.check()
        if self._rows and self._rows + size > self._settings.queue_rows:
            raise BusyError(f"{self._rows} events are waiting; send again", retry_after_s=1 + ceil(self.age_s()))

    def _take(self) -> list[_Waiting]:
        """The oldest batches, as many as fit one statement, one at least."""
        taken: list[_Waiting] = []
        rows = 0
        while self._waiting and (not taken or rows + self._waiting[0].judged.size <= self._settings.flush_rows):
            taken.append(self._waiting.popleft())
            rows += taken[-1].judged.size
        self._rows -= rows
        return taken

    def _put_back(self, batches: list[_Waiting]) -> None:
        self._waiting.extendleft(reversed(batches))
        self._rows += sum(waiting.judged.size for waiting in batches)
        self._arrived.set()

    def _refuse_waiting(self) -> None:
        while self._waiting:
            for waiting in self._take():
                waiting.refuse(BusyError("the database is away; send again", retry_after_s=AWAY_RETRY_S))

    async def _write(self) -> None:
        """One writer: connect, store until the connection breaks or the service ends, connect again."""
        backoff_s = 0.1
        while not (self._stopping.is_set() and not self._waiting):
            try:
                connection = await intake.connect(
                    self._settings.database_url.get_secret_value(),
                    name="stressvision-ingest-writer",
                    statement_timeout_s=self._settings.statement_timeout_s,
                )
            except psycopg.Error as error:
                metrics.CONNECT_FAILURES.inc()
                log.warning("cannot reach the database", extra={"error": str(error), "retry_s": backoff_s})
                if not self._connected:
                    self._refuse_waiting()
                await self._pause(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnections
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
                continue
            backoff_s = 0.1
            await self._serve(connection)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not past a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _serve(self, connection: intake.Connection) -> None:
        self._connected += 1
        try:
            while not connection.closed:
                if not self._waiting and self._stopping.is_set():
                    return
                if self._worth_it():
                    await self._flush_safely(connection, self._take())
                else:
                    self._arrived.clear()
                    await self._arrived.wait()
        finally:
            self._connected -= 1
            await connection.close()

    def _worth_it(self) -> bool:
        """Whether another statement should begin now.

        A second one beside a running one pays when it is large or has waited; else what comes next can share it.
        """
        if not self._waiting:
            return False
        if not self._flushing or self._rows * JOIN_SHARE >= self._settings.flush_rows:
            return True
        left_s = JOIN_AGE_S - self.age_s()
        if left_s > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(left_s, self._ring)
        return left_s <= 0

    def _ring(self) -> None:
        self._alarm = None
        self._arrived.set()

    async def _flush_safely(self, connection: intake.Connection, batches: list[_Waiting]) -> None:
        """Every batch gets an answer, whatever happens."""
        self._flushing += 1
        try:
            await self._flush(connection, batches)
        except (psycopg.Error, TimeoutError) as error:
            await self._give_up(connection, batches, error)
        except Exception as error:  # the edge of the writers' loop
            metrics.FLUSH_FAILURES.labels(why="fault").inc()
            log.exception("a flush failed for a reason of our own")
            for waiting in batches:
                waiting.refuse(error)
        finally:
            self._flushing -= 1
            self._arrived.set()

    async def _give_up(self, connection: intake.Connection, batches: list[_Waiting], error: Exception) -> None:
        lost = connection.broken or isinstance(error, TimeoutError)
        why = "timeout" if isinstance(error, TimeoutError | psycopg.errors.QueryCanceled) else "database"
        metrics.FLUSH_FAILURES.labels(why="connection" if connection.broken else why).inc()
        log.warning("a flush was given up", extra={"error": repr(error), "batches": len(batches)})
        if lost:
            await connection.close()
        # a restart leaves every idle connection dead, so each writer may fail a batch once
        again = [waiting for waiting in batches if connection.broken and waiting.attempts < self._settings.writers]
        for waiting in batches:
            waiting.attempts += 1
            if waiting not in again:
                waiting.refuse(BusyError("the database did not answer; send again", retry_after_s=AWAY_RETRY_S))
        self._put_back(again)

    async def _flush(self, connection: intake.Connection, batches: list[_Waiting]) -> None:
        try:
            await self._commit(connection, batches)
        except _COLLISION:
            metrics.FLUSH_RETRIES.labels(why="deadlock").inc()
            await self._commit(connection, batches)
        except _POISON as error:
            metrics.FLUSH_RETRIES.labels(why="split").inc()
            await self._isolate(connection, batches, error)

    async def _isolate(self, connection: intake.Connection, batches: list[_Waiting], error: psycopg.Error) -> None:
        """Each batch alone, then in halves, until the event that Postgres will not have stands alone."""
        if len(batches) > 1:
            for waiting in batches:
                await self._flush(connection, [waiting])
            return
        judged = batches[0].judged
        receipt = await self._piecemeal(connection, part(judged, judged.flush.records(), judged.flush.letters), error)
        batches[0].answer(msgspec.structs.replace(receipt, rejected=[*judged.rejected, *receipt.rejected]))

    async def _piecemeal(self, connection: intake.Connection, judged: Judged, error: psycopg.Error) -> BatchReceipt:
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

    async def _commit_one(self, connection: intake.Connection, judged: Judged) -> BatchReceipt:
        alone = _Waiting(judged, asyncio.get_running_loop().create_future(), time.monotonic())
        await self._commit(connection, [alone])
        return alone.receipt.result()

    async def _commit(self, connection: intake.Connection, batches: list[_Waiting]) -> None:
        """Store these batches with one statement and answer each."""
        flush = _merge([waiting.judged.flush for waiting in batches])
        begun_s = time.monotonic()
        async with asyncio.timeout(self._settings.statement_timeout_s + CLIENT_GRACE_S):
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

    async def _stored_as_new(self, connection: intake.Connection, flush: Flush) -> bool:
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
        self, connection: intake.Connection, flush: Flush, inserted: frozenset[bytes], batches: list[_Waiting]
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
