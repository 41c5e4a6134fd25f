"""Whatever happens in whatever order, the rollups say what the oracle says, and what a recompute from scratch says."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from stressvision_store.marks import mark_events
from stressvision_store.partitions import ensure_days
from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from support import plants
from support.database import Database
from support.rollup_differences import differences, read_rollups, wrong_rows

pytestmark = pytest.mark.db

DAYS = {
    "ordinary": date(2026, 11, 4),
    "clocks go forward": date(2026, 3, 28),
    "clocks go back": date(2026, 10, 24),
}
"""First of three days; Madrid changes its clocks in the night after the first, Lima never does."""

SHIFTS = (
    ("morning", time(6), time(14), ((time(9, 30), time(10)),)),
    ("afternoon", time(14), time(21, 30), ((time(18), time(18, 30)),)),
    ("night", time(22), time(6), ((time(2), time(2, 30)),)),
    ("handover", time(13), time(15, 30), ()),
    ("early", time(2, 30), time(6, 30), ((time(3), time(3, 15)), (time(3, 10), time(3, 40)))),
)


class World:
    """One random history: everything it does is drawn from the seed."""

    def __init__(self, connection: plants.Connection, engine: Engine, first: date, seed: int) -> None:
        self.random = Random(seed)
        self.connection = connection
        self.engine = engine
        self.since = datetime.combine(first, time(0), UTC)
        self.sent: list[plants.Event] = []
        self.crowded = [self.since + timedelta(minutes=self.random.randrange(3 * 24 * 12) * 5) for _ in range(6)]
        zones = ("America/Lima", "Europe/Madrid")
        self.plant = plants.build_plant(connection, first_date=first, zones=zones, areas=2, stations=1, shifts=SHIFTS)
        self.plant.devices.append(plants.add_device(connection, "in a box"))
        connection.execute("DELETE FROM assignments WHERE id % 4 = 0")
        for _ in range(25):
            self.edit()

    def instant(self) -> datetime:
        """Some moment of the three days, often on the very edge of something, and mostly where much else happens."""
        at = self.since + timedelta(minutes=self.random.randrange(3 * 24 * 12) * 5)
        if self.random.random() < 0.6:
            at = self.random.choice(self.crowded) + timedelta(minutes=self.random.choice([0, 0, 5]))
        return at + self.random.choice(
            [timedelta(0), timedelta(microseconds=-1), timedelta(seconds=self.random.random() * 300)]
        )

    def event(self) -> list[plants.Event]:
        device, at = self.random.choice(self.plant.devices), self.instant()
        model = self.random.choice(["m1", "m2", "m10"])
        kind = self.random.random()
        if kind < 0.15:
            return plants.episode(device, at, self.random, model=model)
        if kind < 0.2:
            return [plants.gap(device, at, self.random)]
        seconds = self.random.choice([60.0, 30.0, self.random.random() * 60, 0.0])
        return [plants.window(device, at, self.random, seconds=seconds, model=model)]

    def send(self) -> None:
        fresh = [event for _ in range(self.random.randrange(60)) for event in self.event()]
        repeated = self.random.sample(self.sent, min(len(self.sent), 5))
        self.sent += fresh
        plants.store_events(self.connection, fresh + repeated)

    def edit(self) -> None:
        """Change who belongs where, and mark what that touches, in one transaction."""
        with transaction(self.engine) as session:
            badges = [self.check_in, self.check_in, self.check_in, self.check_out]
            self.random.choice(
                [self.roster, *badges, self.consent, self.consent, self.place, self.shift, self.objection]
            )(session)

    def roster(self, session: Session) -> None:
        station, shift = self.random.choice(self.plant.stations), self.random.choice(self.plant.shifts)
        employee = self.random.choice(self.plant.employees)
        first = (self.since + timedelta(days=self.random.randrange(-1, 3))).date()
        last = self.random.choice([None, first + timedelta(days=self.random.randrange(3))])
        if self.random.random() < 0.4:
            _run(session, "DELETE FROM assignments WHERE station_id = :s AND shift_id = :h", s=station, h=shift)
        else:
            _run(
                session,
                "INSERT INTO assignments (employee_id, station_id, shift_id, first_date, last_date)"
                " VALUES (:e, :s, :h, :f, :l)",
                e=employee, s=station, h=shift, f=first, l=last,
            )  # fmt: skip
        mark_events(session, station_id=station)

    def check_in(self, session: Session) -> None:
        employee, at = self.random.choice(self.plant.employees), self.instant()
        station = self.random.choice(self.plant.stations)
        _run(
            session,
            "INSERT INTO check_ins (employee_id, station_id, checked_in_at) VALUES (:e, :s, :a)",
            e=employee, s=station, a=at,
        )  # fmt: skip
        mark_events(session, station_id=station, employee_id=employee, since=at)

    def check_out(self, session: Session) -> None:
        at = self.instant()
        row = session.execute(
            text(
                "UPDATE check_ins SET checked_out_at = checked_in_at + :d WHERE id ="
                " (SELECT id FROM check_ins WHERE checked_in_at < :a ORDER BY id DESC LIMIT 1) RETURNING station_id"
            ),
            {"a": at, "d": timedelta(minutes=self.random.randrange(300))},
        ).first()
        if row is not None:
            mark_events(session, station_id=row.station_id)

    def consent(self, session: Session) -> None:
        employee, at = self.random.choice(self.plant.employees), self.instant()
        if self.random.random() < 0.6:
            _run(session, "UPDATE consents SET withdrawn_at = :a WHERE employee_id = :e", a=at, e=employee)
        else:
            _run(
                session,
                "INSERT INTO consents (employee_id, notice_version, given_at) VALUES (:e, '2', :a)",
                e=employee, a=at,
            )  # fmt: skip
        mark_events(session, employee_id=employee)

    def objection(self, session: Session) -> None:
        employee, at = self.random.choice(self.plant.employees), self.instant()
        ended = "UPDATE objections SET state = 'rejected', ended_at = greatest(raised_at, :a), decided_by = 'Ana', "
        _run(session, ended + "decision = 'looked into' WHERE employee_id = :e AND state = 'open'", a=at, e=employee)
        _run(
            session,
            "INSERT INTO objections (employee_id, text, raised_at, recorded_by) VALUES (:e, 'I object', :a, 'x')",
            e=employee, a=self.instant(),
        )  # fmt: skip
        mark_events(session, employee_id=employee)

    def place(self, session: Session) -> None:
        device, at = self.random.choice(self.plant.devices), self.instant()
        station = self.random.choice(self.plant.stations)
        _run(
            session,
            "UPDATE placements SET removed_at = :a WHERE device_id = :d AND removed_at IS NULL AND placed_at < :a",
            a=at, d=device,
        )  # fmt: skip
        _run(
            session,
            "INSERT INTO placements (device_id, station_id, placed_at) VALUES (:d, :s, :a)",
            d=device, s=station, a=at,
        )  # fmt: skip
        mark_events(session, device_id=device, since=at)

    def shift(self, session: Session) -> None:
        shift = self.random.choice(self.plant.shifts)
        if self.random.random() < 0.5:
            weekdays = self.random.sample(range(1, 8), 5)
            _run(session, "UPDATE shifts SET weekdays = :w WHERE id = :s", w=weekdays, s=shift)
        else:
            _run(session, "UPDATE shift_breaks SET ends = ends + interval '5 min' WHERE shift_id = :s", s=shift)
        site = session.scalar(text("SELECT site_id FROM shifts WHERE id = :s"), {"s": shift})
        mark_events(session, site_id=site)

    def erase(self) -> None:
        with transaction(self.engine) as session:
            device, at = self.random.choice(self.plant.devices), self.instant()
            mark_events(session, device_id=device, since=at, until=at + timedelta(hours=2))
            _run(
                session,
                "DELETE FROM events WHERE device_id = :d AND started_at >= :a AND started_at < :b",
                d=device, a=at, b=at + timedelta(hours=2),
            )  # fmt: skip

    def work(self) -> None:
        with transaction(self.engine) as session:
            drain(session, self.random.choice([1, 7, 50, 1000]))


def _run(session: Session, statement: str, **values: object) -> None:
    session.execute(text(statement), values)


def drain_all(engine: Engine, limit: int = 2000) -> None:
    while True:
        with transaction(engine) as session:
            if drain(session, limit).marks == 0:
                return


def recompute_from_scratch(engine: Engine) -> None:
    with transaction(engine) as session:
        for table in ("rollup_windows", "rollup_shifts", "rollup_areas", "unattributed_windows", "dirty_windows"):
            _run(session, f"DELETE FROM {table}")
        _run(
            session,
            "INSERT INTO dirty_windows (device_id, bucket_at)"
            " SELECT DISTINCT device_id, date_bin('5 min', started_at, 'epoch') FROM events",
        )
    drain_all(engine)


@pytest.mark.parametrize("days", DAYS)
@pytest.mark.parametrize("seed", range(4))
def test_rollups_are_what_the_oracle_says(database: Database, days: str, seed: int) -> None:
    engine = database.engine("owner")
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        world = World(connection, engine, DAYS[days], seed)
        if seed % 2:
            with transaction(engine) as session:
                ensure_days(session, DAYS[days], DAYS[days] + timedelta(days=1))
        steps: list[Callable[[], None]] = [world.send, world.send, world.edit, world.edit, world.work, world.erase]
        for _ in range(40):
            world.random.choice(steps)()
    drain_all(engine)

    found = read_rollups(database.url("owner"))
    assert wrong_rows(database.url("owner")) == []
    assert all(len(rows) > 10 for rows in found.values()), "the history was too thin to prove anything"
    reasons = {key[2] for key in found["unattributed_windows"]}
    assert len(reasons) >= 4

    recompute_from_scratch(engine)

    assert differences(found, read_rollups(database.url("owner"))) == []
