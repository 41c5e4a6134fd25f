"""Batches that wait to be stored: a queue bounded in events and in age, oldest first."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from math import ceil
from typing import Final

from stressvision_contracts.events import BatchReceipt
from stressvision_ingest.errors import BusyError
from stressvision_ingest.settings import Settings
from stressvision_ingest.verdicts import Judged

AWAY_RETRY_S: Final = 5
"""What devices are told while the database is away."""


@dataclass(slots=True, eq=False)
class Waiting:
    """A judged batch and the receipt that its sender waits for."""

    judged: Judged
    receipt: "asyncio.Future[BatchReceipt]"
    since_s: float
    attempts: int = 0

    def answer(self, receipt: BatchReceipt) -> None:
        """Give the sender its receipt."""
        if not self.receipt.done():  # the sender may be gone
            self.receipt.set_result(receipt)

    def refuse(self, error: Exception) -> None:
        """Tell the sender why there is none."""
        if not self.receipt.done():
            self.receipt.set_exception(error)


def waiting_for(judged: Judged) -> Waiting:
    """A batch that begins to wait now."""
    return Waiting(judged, asyncio.get_running_loop().create_future(), time.monotonic())


class Queue:
    """The batches that wait. `rows` counts their events; `arrived` is set when some come."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._waiting: deque[Waiting] = deque()
        self.rows = 0
        self.arrived = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def age_s(self) -> float:
        """How long the oldest has waited."""
        return time.monotonic() - self._waiting[0].since_s if self._waiting else 0.0

    @property
    def half_full(self) -> bool:
        return self.rows * 2 >= self._settings.queue_rows

    def check_age(self) -> None:
        """Raise `BusyError` when the oldest has waited for too long."""
        age_s = self.age_s()
        if age_s > self._settings.queue_age_s:
            raise BusyError(f"the oldest batch has waited for {age_s:.1f} s; send again", retry_after_s=ceil(age_s))

    def check_room(self, size: int) -> None:
        """Raise `BusyError` when `size` events are too many; one batch always fits into an empty queue."""
        if self.rows and self.rows + size > self._settings.queue_rows:
            raise BusyError(f"{self.rows} events are waiting; send again", retry_after_s=1 + ceil(self.age_s()))

    def put(self, waiting: Waiting) -> None:
        """Append the newest."""
        self._waiting.append(waiting)
        self.rows += waiting.judged.size
        self.arrived.set()

    def take(self) -> list[Waiting]:
        """The oldest batches, as many as fit one statement, one at least."""
        taken: list[Waiting] = []
        rows = 0
        while self._waiting and (not taken or rows + self._waiting[0].judged.size <= self._settings.flush_rows):
            taken.append(self._waiting.popleft())
            rows += taken[-1].judged.size
        self.rows -= rows
        return taken

    def put_back(self, batches: list[Waiting]) -> None:
        """Give taken batches their place at the front again."""
        self._waiting.extendleft(reversed(batches))
        self.rows += sum(waiting.judged.size for waiting in batches)
        self.arrived.set()

    def refuse_all(self) -> None:
        """Send every sender away for now."""
        while self._waiting:
            for waiting in self.take():
                waiting.refuse(BusyError("the database is away; send again", retry_after_s=AWAY_RETRY_S))
