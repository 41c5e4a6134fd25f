"""Edits made after the fact, by the functions operators use, leave the marks from which the rollups come out right."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random

import psycopg
import pytest
from sqlmodel import Session, col, select

from stressvision_store import assignments, check_ins, consents, fleet, objections, places, shifts
from stressvision_store.changes import changed_attribution
from stressvision_store.local_time import Break, Hours
from stressvision_store.personal_tables import Objection
from stressvision_store.refusals import RefusedError
from stressvision_store.rollups import drain
from stressvision_store.session import transaction
from stressvision_store.workforce_tables import Assignment, CheckIn, Consent
from support import plants
from support.database import Database
from support.rollup_differences import read_rollups, wrong_rows

pytestmark = pytest.mark.db

DAYS = 3


class Operator:
    """Edits at random, as the role of the control API. What is refused counts as no edit."""

    def __init__(self, database: Database, plant: plants.Plant, first: date, seed: int) -> None:
        self.engine = database.engine("control")
        self.plant = plant
        self.first = first
        self.random = Random(seed)
        self.done: dict[str, int] = {}

    def edit(self) -> None:
        kinds: list[Callable[[Session], None]] = [
            self.assign, self.redate, self.unassign, self.check_in, self.check_out, self.consent, self.withdraw,
            self.object, self.answer, self.retime, self.rezone, self.move,
        ]  # fmt: skip
        kind = self.random.choice(kinds)
        try:
            with transaction(self.engine) as session:
                kind(session)
        except RefusedError:
            return
        if changed_attribution(session):
            self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1

    def instant(self) -> datetime:
        since = datetime.combine(self.first, time(), UTC)
        return since + timedelta(minutes=self.random.randrange(DAYS * 24 * 60))

    def day(self) -> date:
        return self.first + timedelta(days=self.random.randrange(-1, DAYS))

    def pick(self, session: Session, table: type[Assignment] | type[CheckIn] | type[Consent] | type[Objection]) -> int:
        return self.random.choice(session.exec(select(col(table.id))).all() or [0]) or 0

    def assign(self, session: Session) -> None:
        first = self.day()
        assignments.create_assignment(
            session,
            employee_id=self.random.choice(self.plant.employees),
            station_id=self.random.choice(self.plant.stations),
            shift_id=self.random.choice(self.plant.shifts),
            first_date=first,
            last_date=self.random.choice([None, first, first + timedelta(days=1)]),
        )

    def redate(self, session: Session) -> None:
        first, last = self.day(), self.random.choice([None, self.day()])
        assignments.change_dates(session, self.pick(session, Assignment), first_date=first, last_date=last)

    def unassign(self, session: Session) -> None:
        assignments.delete_assignment(session, self.pick(session, Assignment))

    def check_in(self, session: Session) -> None:
        check_ins.check_in(
            session,
            employee_id=self.random.choice(self.plant.employees),
            station_id=self.random.choice(self.plant.stations),
            at=self.instant(),
        )

    def check_out(self, session: Session) -> None:
        check_ins.check_out(session, self.pick(session, CheckIn), at=self.instant())

    def consent(self, session: Session) -> None:
        employee = self.random.choice(self.plant.employees)
        version = f"v{self.random.randrange(3)}"
        consents.give_consent(session, employee_id=employee, notice_version=version, given_at=self.instant())

    def withdraw(self, session: Session) -> None:
        consents.withdraw_consent(session, self.pick(session, Consent), withdrawn_at=self.instant())

    def object(self, session: Session) -> None:
        employee = self.random.choice(self.plant.employees)
        objections.raise_objection(session, employee, words="I object", actor="employee", at=self.instant())

    def answer(self, session: Session) -> None:
        number, reason = self.pick(session, Objection), "looked into it"
        self.random.choice(
            [
                lambda: objections.decide(session, number, decision="upheld", reason=reason, actor="Ana"),
                lambda: objections.decide(session, number, decision="rejected", reason=reason, actor="Ana"),
                lambda: objections.take_back(session, number, actor="employee"),
            ]
        )()

    def retime(self, session: Session) -> None:
        shift_id = self.random.choice(self.plant.shifts)
        starts, length = self.random.randrange(24), self.random.randrange(2, 9)
        pause = Break(time((starts + 1) % 24), time((starts + 1) % 24, 30))
        weekdays = tuple(self.random.sample(range(1, 8), 5))
        hours = Hours(starts=time(starts), ends=time((starts + length) % 24), weekdays=weekdays, breaks=(pause,))
        shifts.change_shift(session, shift_id, hours=hours)

    def rezone(self, session: Session) -> None:
        zone = self.random.choice(["America/Lima", "Europe/Madrid", "Asia/Kolkata", "Pacific/Kiritimati"])
        places.change_site(session, self.random.choice(self.plant.sites), time_zone=zone)

    def move(self, session: Session) -> None:
        station = self.random.choice([*self.plant.stations, None])
        device = self.random.choice(self.plant.devices)
        fleet.move_device(session, device, station_id=station, at=self.instant())


def drain_all(database: Database) -> None:
    while True:
        with transaction(database.engine("worker")) as session:
            if drain(session).marks == 0:
                return


@pytest.mark.parametrize("seed", range(2))
def test_rollups_after_edits_are_what_the_oracle_says(database: Database, seed: int) -> None:
    first = datetime.now(UTC).date() - timedelta(days=10)
    random = Random(seed)
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(connection, first_date=first, zones=("America/Lima", "Europe/Madrid"))
        since = datetime.combine(first, time(), UTC)
        events = [
            plants.window(device, since + timedelta(minutes=minute), random)
            for device in plant.devices
            for minute in range(0, DAYS * 24 * 60, 20)
        ]
        plants.store_events(connection, events)
    drain_all(database)
    before = read_rollups(database.url("owner"))
    operator = Operator(database, plant, first, seed)
    for _ in range(6):
        for _ in range(20):
            operator.edit()
        drain_all(database)
        assert wrong_rows(database.url("owner")) == [], operator.done
    assert read_rollups(database.url("owner")) != before
    assert len(operator.done) >= 8, operator.done
