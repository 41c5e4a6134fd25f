"""A small plant made through the store, in a transaction that is taken back."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import psycopg
import pytest
from sqlalchemy import text
from sqlmodel import Session

from stressvision_store import people, places, shifts
from stressvision_store.local_time import Hours
from support.database import TEMPLATE, Cluster, Database, create_database, drop_database
from support.plants import add_device

NOW = datetime.now(UTC).replace(microsecond=0)
TODAY = NOW.date()


@pytest.fixture(scope="module")
def shared_database(cluster: Cluster) -> Iterator[Database]:
    """One migrated database for a whole module, whose tests take back what they do."""
    database = create_database(cluster, f"module_{secrets.token_hex(4)}", TEMPLATE)
    yield database
    drop_database(cluster, database)


@pytest.fixture
def session(shared_database: Database) -> Iterator[Session]:
    """As the control API's role, rolled back at the end."""
    with Session(shared_database.engine("control")) as opened, opened.begin() as transaction:
        yield opened
        transaction.rollback()


@dataclass(frozen=True)
class Workforce:
    """Ids. Two stations P1 and P2 in one area; shifts Day (06–14) and Night (22–06); employees E-1 and E-2."""

    site: int
    area: int
    stations: tuple[int, int]
    day: int
    night: int
    employees: tuple[int, int]


def build_workforce(session: Session) -> Workforce:
    site = places.create_site(session, name="Callao", time_zone="America/Lima").id or 0
    area = places.create_area(session, site_id=site, name="Paint").id or 0
    first, second = (places.create_station(session, area_id=area, name=name).id or 0 for name in ("P1", "P2"))
    day = shifts.create_shift(session, site_id=site, name="Day", hours=Hours(starts=time(6), ends=time(14)))
    night = shifts.create_shift(session, site_id=site, name="Night", hours=Hours(starts=time(22), ends=time(6)))
    one, two = (people.create_employee(session, site_id=site, pseudonym=name).id or 0 for name in ("E-1", "E-2"))
    return Workforce(site, area, (first, second), day.id or 0, night.id or 0, (one, two))


@pytest.fixture
def workforce(session: Session) -> Workforce:
    return build_workforce(session)


def devices(database: Database, count: int) -> list[int]:
    """Devices as enrolment leaves them. These stay: the control API may not make any."""
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        return [add_device(connection, secrets.token_hex(16)) for _ in range(count)]


def marks(session: Session) -> set[tuple[int, datetime]]:
    """The marks that stand (device, bucket)."""
    session.flush()
    rows = session.execute(text("SELECT device_id, bucket_at FROM dirty_windows")).all()
    return {(row.device_id, row.bucket_at) for row in rows}


def ago(**much: float) -> datetime:
    return NOW - timedelta(**much)
