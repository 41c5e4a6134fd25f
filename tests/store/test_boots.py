"""A key in use twice is noticed; restarts are not."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import col, func, select

from stressvision_contracts.fleet import Heartbeat
from stressvision_store import boots, devices, fleet
from stressvision_store.fleet_tables import DeviceBoot
from stressvision_store.session import transaction
from stressvision_store.tables import Device
from support import workforce
from support.database import Database

pytestmark = pytest.mark.db
NOW = datetime.now(UTC)


def beat(database: Database, device: int, boot: str, at: datetime, *, sent_at: datetime | None = None) -> bool:
    """Whether the device is held to be cloned after a heartbeat of that boot."""
    heartbeat = Heartbeat(sent_at=sent_at or at, boot_id=boot, agent_version="0.1.0", next_seq=1)
    with transaction(database.engine("ingest")) as session:
        return devices.record_heartbeat(session, device, heartbeat, at).cloned_at is not None


def beats(database: Database, device: int, names: str, *, apart_s: float = 30) -> list[bool]:
    return [
        beat(database, device, name, NOW + timedelta(seconds=number * apart_s)) for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("names", ["A", "AAAA", "AB", "ABBB", "ABCDE", "AABBBCC"])
def test_restarts_raise_no_alarm(database: Database, names: str) -> None:
    (device,) = workforce.devices(database, 1)
    assert not any(beats(database, device, names))


def test_two_boots_that_speak_in_turn_raise_the_alarm_and_it_stays(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    assert beats(database, device, "ABABB") == [False, False, True, True, True]


def test_an_alarm_that_is_cleared_comes_back_while_the_copy_runs(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    beats(database, device, "ABA")
    with transaction(database.engine("control")) as session:
        fleet.clear_alarm(session, device)
    later = NOW + timedelta(hours=1)
    assert not beat(database, device, "A", later)
    assert beat(database, device, "B", later)


def test_a_heartbeat_from_before_the_restart_may_come_late(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    beats(database, device, "AB")
    restarted_at = NOW + timedelta(seconds=30)
    assert not beat(database, device, "A", restarted_at + timedelta(seconds=5), sent_at=NOW + timedelta(seconds=20))
    assert not beat(database, device, "B", restarted_at + timedelta(seconds=30))
    assert beat(database, device, "A", restarted_at + boots.LATE, sent_at=NOW), "a copy whose clock is behind"


def test_few_boots_are_kept_and_the_current_one_always(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    names = [f"boot-{number}" for number in range(40)]
    for number, name in enumerate(names):
        beat(database, device, name, NOW + timedelta(minutes=number))
    with transaction(database.engine()) as session:
        kept = session.exec(select(DeviceBoot).order_by(col(DeviceBoot.first_seen_at))).all()
        assert [boot.boot_id for boot in kept] == names[-boots.REMEMBERED :]
        assert [boot.superseded_at is None for boot in kept] == [False] * (boots.REMEMBERED - 1) + [True]


def test_heartbeats_at_once_take_their_turn(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: beat(database, device, "A", NOW), range(24)))
    with transaction(database.engine()) as session:
        assert session.scalar(select(func.count()).select_from(DeviceBoot)) == 1
        assert session.get_one(Device, device).cloned_at is None


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from("ABCD"), max_size=12))
def test_the_alarm_rings_exactly_when_a_superseded_boot_speaks(database: Database, names: list[str]) -> None:
    (device,) = workforce.devices(database, 1)
    seen: list[str] = []
    for name in names:
        if not seen or seen[-1] != name:
            seen.append(name)
    expected = len(set(seen)) < len(seen)
    assert any(beats(database, device, "".join(names))) == expected
