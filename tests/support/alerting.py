"""A plant whose episodes become alerts, and the loop that tells of them, turned by hand."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from random import Random
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from stressvision_store.alert_tables import Alert
from stressvision_store.session import transaction
from stressvision_worker.alerts import AlertLoop, AlertSettings, open_loop
from support import plants
from support.database import Database
from support.inboxes import Inbox, web_inbox

ALL_DAY = [("day", time(0), time(12), ()), ("night", time(12), time(0), ())]
LINK = "https://control.example/alerts"
Open = Callable[..., AlertLoop]


@pytest.fixture
def plant(database: Database) -> plants.Plant:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        return plants.build_plant(
            connection, first_date=datetime.now(UTC).date() - timedelta(days=3), stations=3, shifts=ALL_DAY
        )


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with web_inbox() as opened:
        yield opened


@pytest.fixture
def open_alerts(database: Database, tmp_path: Path) -> Iterator[Open]:
    """A loop on channels given as (name, url, step); it is turned by hand."""
    loops = []

    def make(*channels: tuple[str, str, int]) -> AlertLoop:
        path = tmp_path / "channels.toml"
        path.write_text(
            "".join(f'[[channels]]\nname = "{name}"\nurl = "{url}"\nstep = {step}\n' for name, url, step in channels)
        )
        path.chmod(0o600)
        settings = AlertSettings(channels=path, link=LINK)
        loops.append(open_loop(database.engine("worker"), settings))
        return loops[-1]

    yield make
    for loop in loops:
        loop.stop()


def open_episode(
    database: Database, device: int, *, ago_s: float = 1, condition: int = 2, episode_id: str | None = None
) -> str:
    """As ingest stores it: the opening of an episode whose rule was met `ago_s` ago, with signs since a minute."""
    at = datetime.now(UTC) - timedelta(seconds=ago_s)
    (opening, _) = plants.episode(device, at - timedelta(minutes=1), Random())
    opening |= {"ended_at": at, "condition": condition, "episode_id": episode_id or str(uuid4())}
    with psycopg.connect(database.url("ingest"), autocommit=True) as connection:
        plants.store_events(connection, [opening])
    return str(opening["episode_id"])


def turn(loop: AlertLoop) -> None:
    loop.turn()
    loop.settle()


def rows(database: Database) -> list[Alert]:
    with transaction(database.engine()) as session:
        found = list(session.scalars(text("SELECT id FROM alerts ORDER BY id")))
        alerts = [session.get_one(Alert, each) for each in found]
        session.expunge_all()
        return alerts


def change(database: Database, statement: str) -> None:
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
