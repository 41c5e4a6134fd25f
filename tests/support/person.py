"""One person of a plant with everything that is kept of people: for what shows it, and for what erases it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from support import plants
from support.database import Database

TODAY = datetime.now(UTC).date()
MORNING = datetime.combine(TODAY - timedelta(days=3), time(13), UTC)
"""08:00 in Lima, in the morning shift of three days ago."""


@dataclass
class Person:
    """The morning person of the first station, beside the afternoon's and the night's and a second station."""

    database: Database
    connection: plants.Connection
    plant: plants.Plant
    id: int
    pseudonym: str

    @property
    def device(self) -> int:
        return self.plant.devices[0]

    def see(self, at: datetime, minutes: int, *, device: int | None = None, seed: int = 1) -> None:
        """A window a minute and an episode of fatigue, then brought up to date."""
        random, device = Random(seed), device or self.device
        events = [plants.window(device, at + timedelta(minutes=n), random) for n in range(minutes)]
        events += [event | {"condition": 2} for event in plants.episode(device, at, random)]
        plants.store_events(self.connection, events)
        self.drain()

    def drain(self) -> int:
        with transaction(self.database.engine("worker")) as session:
            return drain(session).erased

    def letter(self, at: datetime | None, *, received_at: datetime | None = None) -> int:
        """A dead letter of the device about that moment, or one that nobody can read."""
        body = b"\xff" if at is None else b'{"started_at": "%s"}' % at.isoformat().encode()
        received = received_at or MORNING + timedelta(days=1)
        return plants.insert(
            self.connection, "dead_letters", device_id=self.device, reason="bad_value", detail="", body=body,
            sent_at=received, received_at=received,
        )  # fmt: skip

    def count(self, table: str, **where: Any) -> int:
        condition = " AND ".join(f"{name} = %({name})s" for name in where) or "true"
        row = self.connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", where).fetchone()
        return int(row[0])  # type: ignore[index]


@pytest.fixture
def person(database: Database) -> Iterator[Person]:
    with filled(database) as one:
        yield one


@contextmanager
def filled(database: Database) -> Iterator[Person]:
    """Seen for an hour on one morning; with a name, a badge, a check-in, a picture, an alert and dead letters."""
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(connection, first_date=TODAY - timedelta(days=20))
        one = Person(database, connection, plant, plant.employees[0], "")
        row = connection.execute("SELECT pseudonym FROM employees WHERE id = %s", [one.id]).fetchone()
        one.pseudonym = row[0] if row else ""
        _fill(one)
        yield one


def _fill(one: Person) -> None:
    add, content = plants.insert, b"\xff\xd8\xff a picture"
    one.connection.execute("UPDATE employees SET badge_hash = 'badge' WHERE id = %s", [one.id])
    add(one.connection, "employee_names", employee_id=one.id, name="Ana Quispe")
    add(
        one.connection, "check_ins", employee_id=one.id, station_id=one.plant.stations[0],
        checked_in_at=MORNING - timedelta(minutes=5),
    )  # fmt: skip
    add(
        one.connection, "pictures", digest=hashlib.sha256(content).hexdigest(), content=content,
        media_type="image/jpeg", width=48, height=48, is_crop=True, label="fatigue", site_id=one.plant.sites[0],
        employee_id=one.id,
        added_by="test",
    )  # fmt: skip
    one.see(MORNING, 60)
    one.see(MORNING + timedelta(hours=7), 60, seed=2)  # the afternoon's person, at the same device
    one.see(MORNING, 60, device=one.plant.devices[1], seed=3)  # another person, at the same time
    one.letter(MORNING + timedelta(minutes=10))
    one.letter(MORNING + timedelta(hours=7))
    one.letter(None)
    for subject, action in ((f"employee {one.id}", "employee.read"), ("employee 99", "employee.read")):
        add(one.connection, "audit", actor="Luis", action=action, subject=subject, detail=Jsonb({"reason": "test"}))
