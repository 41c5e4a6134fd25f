"""What the intake knows of devices and models: a copy of the database, never older than a few seconds.

One query reads all of it, so a fleet of thousands that each send once a minute costs no query per request.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from stressvision_ingest import metrics
from stressvision_ingest.errors import BusyError, RevokedDeviceError, UnauthorizedError
from stressvision_ingest.rules import NO_MODEL
from stressvision_store import devices
from stressvision_store.devices import DeviceStanding
from stressvision_store.session import transaction

log = logging.getLogger(__name__)

GREATEST_AGE_S: Final = 5.0
"""How late a revocation may take effect. Beyond it, requests wait for a fresh copy."""

SOON_S: Final = 0.2
"""How old a copy must be to be read again because it lacks something."""


class RosterCopy:
    """`model_names` and `model_numbers` only grow: records that wait in the queue refer to models by number."""

    def __init__(self, engine: Engine, *, refresh_after_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._refresh_after_s = refresh_after_s
        self._clock = clock
        self._devices: dict[int, DeviceStanding] = {}
        self._read_at_s: float | None = None
        self._reading: asyncio.Task[None] | None = None
        self.model_names: list[str] = []
        self.model_numbers: dict[str, int] = {}
        self._known_models: dict[str, int] = {}

    @property
    def models(self) -> dict[str, int]:
        """The registered models and `none`, each with its number in records."""
        return self._known_models

    async def standing(self, device_id: int) -> DeviceStanding:
        """Of a device that may speak. Raise `UnauthorizedError`, `RevokedDeviceError`, or `BusyError` (no database)."""
        age_s = self._age_s()
        if age_s > GREATEST_AGE_S:
            await self.refresh()
        elif age_s > self._refresh_after_s:
            self._start_reading()
        known = self._devices.get(device_id)
        if known is None:
            await self.refresh_soon()  # it may have joined through another replica just now
            known = self._devices.get(device_id)
        if known is None:
            raise UnauthorizedError(f"there is no device {device_id}; enrol again")
        if known.revoked:
            raise RevokedDeviceError(f"device {device_id} has been revoked")
        return known

    async def refresh_soon(self) -> None:
        """As `refresh`, but for questions that strangers can provoke: a few times a second at most."""
        await asyncio.sleep(SOON_S - self._age_s())
        await self.refresh()

    async def refresh(self) -> None:
        """Read again now, once for all who ask at the same time. Raise `BusyError` when the database is away."""
        asked_s = self._clock()
        await asyncio.shield(self._start_reading())
        if self._read_at_s is not None and self._read_at_s < asked_s:  # that reading had begun before
            await asyncio.shield(self._start_reading())
        if self._age_s() > GREATEST_AGE_S:
            raise BusyError("the database is away; keep the events and send again", retry_after_s=5)

    def _age_s(self) -> float:
        return float("inf") if self._read_at_s is None else self._clock() - self._read_at_s

    def _start_reading(self) -> "asyncio.Task[None]":
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read(), name="roster")
        return self._reading

    async def _read(self) -> None:
        asked_s = self._clock()
        try:
            roster = await asyncio.to_thread(self._load)
        except SQLAlchemyError as error:
            metrics.ROSTER_FAILURES.inc()
            log.warning("what is known of devices could not be read", extra={"error": str(error)[:300]})
            return
        self._devices = roster.devices
        for version in sorted(roster.models | {NO_MODEL}):
            if version not in self.model_numbers:
                self.model_names.append(version)
                self.model_numbers[version] = len(self.model_names)
        self._known_models = {version: self.model_numbers[version] for version in roster.models | {NO_MODEL}}
        self._read_at_s = asked_s
        metrics.ROSTER_AGE.set_to_current_time()

    def _load(self) -> devices.Roster:
        with transaction(self._engine) as session:
            return devices.load_roster(session)
