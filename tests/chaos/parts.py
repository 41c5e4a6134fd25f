"""kill -9 of every part of the native stack while a device sends: nothing lost, nothing twice, back by itself."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from chaos.results import Line
from native.layout import Layout
from native.parts import Part, servers, services, watchers
from native.supervision import Supervisor
from support.outside import Plant, open_plant
from support.stack import run_stack, write_settings

BACK_WITHIN_S = 30.0
BATCH = 20


class Sender(threading.Thread):
    """A device that sends batch after batch, each until it is acknowledged."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(daemon=True)
        self.plant = plant
        self.batches = 0
        self.refused = 0
        self.over = threading.Event()

    def run(self) -> None:
        while not self.over.is_set():
            events = [self._window(self.batches * BATCH + index) for index in range(BATCH)]
            while not self._is_taken(events):
                self.refused += 1
                time.sleep(0.2)
            self.batches += 1
            time.sleep(0.02)

    def _window(self, number: int) -> dict[str, Any]:
        started_at = self.plant.now - timedelta(minutes=120) + timedelta(seconds=number % 6000)
        seen = {"frames": 900, "faces": 810, "coverage": 1.0, "seconds": {"neutral": 1.0}}
        stamp = self.plant.stamp(started_at, started_at + timedelta(seconds=1))
        return {**stamp, "kind": "window", **seen, "mean_probability": {"neutral": 1.0}}

    def _is_taken(self, events: list[dict[str, Any]]) -> bool:
        try:
            self.plant.send(events)
        except (httpx.HTTPError, AssertionError):
            return False
        return True


def run(folder: Path) -> Iterator[Line]:
    """One line per part, then the books."""
    write_settings(folder / ".env")
    layout = Layout(folder / ".stack", folder / ".env")
    done = run_stack(layout, "up")
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    try:
        plant = open_plant(layout.settings)
        sender = Sender(plant)
        sender.start()
        for part in [*servers(layout), *services(layout), *watchers(layout)]:
            time.sleep(1)
            yield _kill(Supervisor(layout), part)
        sender.over.set()
        sender.join(60)
        yield from _books(plant, sender)
        plant.close()
    finally:
        run_stack(layout, "down", "--purge")


def _kill(supervisor: Supervisor, part: Part) -> Line:
    pid = supervisor.pid(part.name)
    os.kill(pid, signal.SIGKILL)
    started = time.monotonic()
    while time.monotonic() - started < 2 * BACK_WITHIN_S:
        if supervisor.state(part.name) == "RUNNING" and supervisor.pid(part.name) != pid and part.fault() is None:
            break
        time.sleep(0.1)
    seconds = time.monotonic() - started
    bar = f"≤ {BACK_WITHIN_S:.0f} s"
    return Line(f"{part.name}: healthy again after kill -9", f"{seconds:.1f} s", bar, met=seconds <= BACK_WITHIN_S)


def _books(plant: Plant, sender: Sender) -> Iterator[Line]:
    produced = sender.batches * BATCH
    [(stored,)] = plant.ask("SELECT count(*) FROM events WHERE device_id = %s", plant.device_id)
    name = f"events stored of those a device was told are stored ({sender.refused} tries failed meanwhile)"
    yield Line(name, f"{stored} of {produced}", "all, none twice", met=stored == produced > 0)
    started, rolled_up = time.monotonic(), -1
    while time.monotonic() - started < 60 and rolled_up != produced:
        rolled_up = plant.sums_of(plant.employees[0])["windows"]
        time.sleep(0.2)
    yield Line("windows in the rollups", f"{rolled_up} of {produced}", "all, none twice", met=rolled_up == produced)
