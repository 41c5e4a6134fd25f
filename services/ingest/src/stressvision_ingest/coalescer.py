"""Store concurrent batches together: requests that wait at the same time share one statement and one commit.

Each is answered only after the commit that holds it. What does not get into the queue is told so at once.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import psycopg

from stressvision_contracts.events import BatchReceipt
from stressvision_ingest import metrics
from stressvision_ingest.errors import BusyError
from stressvision_ingest.flushing import Flusher
from stressvision_ingest.settings import Settings
from stressvision_ingest.verdicts import Judged
from stressvision_ingest.waiting import AWAY_RETRY_S, Queue, Waiting, waiting_for
from stressvision_store.binary import Connection, connect

log = logging.getLogger(__name__)

MAX_BACKOFF_S: Final = 5.0
JOIN_SHARE: Final = 4
JOIN_AGE_S: Final = 0.005
"""A second statement begins beside a running one for a quarter of a full flush, or after this wait."""


class Coalescer:
    """`models` names the model versions by their number in records (the first is 1); it only ever grows.

    `wake` is called after each commit that stored something.
    """

    def __init__(self, settings: Settings, *, models: list[str], wake: Callable[[], None]) -> None:
        self._settings = settings
        self._flusher = Flusher(settings, models=models, wake=wake)
        self._queue = Queue(settings)
        self._stopping = asyncio.Event()
        self._connected = 0
        self._flushing = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._write(), name=f"writer-{n}") for n in range(self._settings.writers)]

    async def stop(self) -> None:
        """Store what waits, then let go of the connections."""
        self._stopping.set()
        self._queue.arrived.set()
        await asyncio.gather(*self._tasks)
        self._queue.refuse_all()

    @property
    def connections(self) -> int:
        """Writers that are ready."""
        return self._connected

    @property
    def rows(self) -> int:
        """Events that wait."""
        return self._queue.rows

    def age_s(self) -> float:
        """How long the oldest has waited."""
        return self._queue.age_s()

    @property
    def under_pressure(self) -> bool:
        return self._queue.half_full

    async def store(self, judged: Judged) -> BatchReceipt:
        """The receipt, after commit. Raise `BusyError` when it cannot be taken now; nothing was then promised."""
        self.check()
        self._queue.check_room(judged.size)
        waiting = waiting_for(judged)
        self._queue.put(waiting)
        return await waiting.receipt

    def check(self) -> None:
        """Raise `BusyError` when a batch of any size would be turned away."""
        if self._stopping.is_set():
            raise BusyError("the service is going down; send again", retry_after_s=AWAY_RETRY_S)
        if not self._connected:
            raise BusyError("the database is away; keep the events and send again", retry_after_s=AWAY_RETRY_S)
        self._queue.check_age()

    async def _write(self) -> None:
        """One writer: connect, store until the connection breaks or the service ends, connect again."""
        backoff_s = 0.1
        while not (self._stopping.is_set() and not self._queue):
            try:
                connection = await connect(
                    self._settings.database_url.get_secret_value(),
                    name="stressvision-ingest-writer",
                    statement_timeout_s=self._settings.statement_timeout_s,
                )
            except psycopg.Error as error:
                metrics.CONNECT_FAILURES.inc()
                log.warning("cannot reach the database", extra={"error": str(error), "retry_s": backoff_s})
                if not self._connected:
                    self._queue.refuse_all()
                await self._pause(backoff_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads reconnections
                backoff_s = min(backoff_s * 2, MAX_BACKOFF_S)
                continue
            backoff_s = 0.1
            await self._serve(connection)

    async def _pause(self, seconds: float) -> None:
        """Sleep, but not past a stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _serve(self, connection: Connection) -> None:
        self._connected += 1
        try:
            while not connection.closed:
                if not self._queue and self._stopping.is_set():
                    return
                if self._worth_it():
                    await self._flush(connection, self._queue.take())
                else:
                    self._queue.arrived.clear()
                    await self._queue.arrived.wait()
        finally:
            self._connected -= 1
            await connection.close()

    def _worth_it(self) -> bool:
        """Whether another statement should begin now.

        A second one beside a running one pays when it is large or has waited; else what comes next can share it.
        """
        if not self._queue:
            return False
        if not self._flushing or self._queue.rows * JOIN_SHARE >= self._settings.flush_rows:
            return True
        left_s = JOIN_AGE_S - self._queue.age_s()
        if left_s > 0 and self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(left_s, self._ring)
        return left_s <= 0

    def _ring(self) -> None:
        self._alarm = None
        self._queue.arrived.set()

    async def _flush(self, connection: Connection, batches: list[Waiting]) -> None:
        """Every batch gets an answer, whatever happens."""
        self._flushing += 1
        try:
            await self._flusher.flush(connection, batches)
        except (psycopg.Error, TimeoutError) as error:
            await self._give_up(connection, batches, error)
        except Exception as error:  # the edge of the writers' loop
            metrics.FLUSH_FAILURES.labels(why="fault").inc()
            log.exception("a flush failed for a reason of our own")
            for waiting in batches:
                waiting.refuse(error)
        finally:
            self._flushing -= 1
            self._queue.arrived.set()

    async def _give_up(self, connection: Connection, batches: list[Waiting], error: Exception) -> None:
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
        self._queue.put_back(again)
