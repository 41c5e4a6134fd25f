"""The simulated devices tell their stories, several at a time, and remember how far the server has followed."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

import httpx

from demo.device import Device, enrol, new_key
from demo.history import Story
from demo.plant import StationPlan
from demo.state import DemoState, DeviceState

BATCH = 500
AT_ONCE = 4
"""Devices that speak at the same time: enough to keep one intake busy, few enough for a laptop."""


@dataclass
class Tally:
    """What was sent, and what the server answered."""

    sent: int = 0
    stored: int = 0
    duplicate: int = 0
    rejected: int = 0
    produced: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, device: Device) -> None:
        self.stored += device.stored
        self.duplicate += device.duplicate
        self.rejected += device.rejected
        for reason, count in device.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count


@dataclass(frozen=True)
class Teller:
    """Sends what is new of every story until `until`; with `again` everything, to show that nothing counts twice."""

    url: str
    state: DemoState
    stations: list[StationPlan]
    until: datetime
    again: bool
    progress: Callable[[int], None]
    """Called with the number of events just settled."""

    remember: Callable[[], None]

    async def tell_all(self) -> Tally:
        tally = Tally()
        turns = asyncio.Semaphore(AT_ONCE)
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        client = httpx.AsyncClient(base_url=self.url, timeout=60, limits=limits)
        async with client as http, asyncio.TaskGroup() as group:
            for station in self.stations:
                group.create_task(self._tell(http, station, tally, turns))
        return tally

    async def _tell(
        self, http: httpx.AsyncClient, station: StationPlan, tally: Tally, turns: asyncio.Semaphore
    ) -> None:
        known = self.state.devices[station.name]
        async with turns:
            device = Device(http, known.device_id, known.key)
            events = story_of(self.state, known, station).events(self.until)
            produced = 0 if self.again else sum(1 for _ in islice(events, known.sent))
            while batch := list(islice(events, BATCH)):
                await device.send(batch)
                produced += len(batch)
                tally.sent += len(batch)
                known.sent = max(known.sent, produced)
                self.progress(len(batch))
            await device.report(known.sent, self.state.model_version)
            tally.produced += known.sent
            tally.add(device)
            self.remember()


def story_of(state: DemoState, known: DeviceState, station: StationPlan) -> Story:
    return Story(
        device_id=known.device_id,
        station=station,
        first_date=state.first_date,
        seed=state.seed,
        window_minutes=state.window_minutes,
        model_version=state.model_version,
    )


async def join_all(url: str, stations: list[StationPlan], codes: Iterator[str]) -> dict[str, DeviceState]:
    """Enrol a fresh device for every station, each with its own key and code."""
    joined = {}
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        for number, station in enumerate(stations, start=1):
            key = new_key()
            device_id = await enrol(http, next(codes), key, f"demo-{number:02d}")
            joined[station.name] = DeviceState(device_id=device_id, key=key)
    return joined


async def still_known(url: str, known: DeviceState) -> bool:
    """Whether the server still knows the device; not so once its database was made anew."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        return await Device(http, known.device_id, known.key).is_known()
