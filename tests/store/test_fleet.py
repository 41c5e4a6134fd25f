"""Where devices stand, and the switches an operator has."""

from datetime import timedelta

import pytest
from sqlmodel import Session, col, select

from stressvision_store import fleet
from stressvision_store.refusals import ConflictError, InvalidError, NotFoundError
from stressvision_store.workforce_tables import Placement
from support.database import Database
from support.workforce import NOW, Workforce, ago, devices

pytestmark = pytest.mark.db


def history(session: Session, device: int) -> list[tuple[int, object, object]]:
    rows = session.exec(select(Placement).where(col(Placement.device_id) == device).order_by(col(Placement.placed_at)))
    return [(row.station_id, row.placed_at, row.removed_at) for row in rows]


def test_a_move_ends_one_placement_and_begins_the_next(
    session: Session, workforce: Workforce, shared_database: Database
) -> None:
    (device,) = devices(shared_database, 1)
    first, second = workforce.stations
    fleet.move_device(session, device, station_id=first, at=ago(days=3))
    fleet.move_device(session, device, station_id=first, at=ago(days=2))
    fleet.move_device(session, device, station_id=second, at=ago(days=1))
    fleet.move_device(session, device, station_id=None, at=NOW)
    assert history(session, device) == [(first, ago(days=3), ago(days=1)), (second, ago(days=1), NOW)]


def test_a_station_has_one_device_at_a_time(session: Session, workforce: Workforce, shared_database: Database) -> None:
    one, two = devices(shared_database, 2)
    station = workforce.stations[0]
    fleet.move_device(session, one, station_id=station, at=ago(days=3))
    with pytest.raises(ConflictError, match=f"device {one} was placed at that station"):
        fleet.move_device(session, two, station_id=station, at=NOW)
    fleet.move_device(session, one, station_id=None, at=ago(days=1))
    with pytest.raises(ConflictError, match=f"device {one} was placed at that station on .* until"):
        fleet.move_device(session, two, station_id=station, at=ago(days=2))
    fleet.move_device(session, two, station_id=station, at=ago(days=1))


def test_naming_the_same_station_with_an_earlier_time_says_it_stood_there_since(
    session: Session, workforce: Workforce, shared_database: Database
) -> None:
    (device,) = devices(shared_database, 1)
    first, second = workforce.stations
    fleet.move_device(session, device, station_id=first, at=NOW)
    fleet.move_device(session, device, station_id=first, at=ago(days=28))
    assert history(session, device) == [(first, ago(days=28), None)]
    fleet.move_device(session, device, station_id=second, at=ago(days=1))
    with pytest.raises(ConflictError, match="move it after that"):
        fleet.move_device(session, device, station_id=second, at=ago(days=2))


def test_a_move_before_the_last_one_or_into_the_future_is_refused(
    session: Session, workforce: Workforce, shared_database: Database
) -> None:
    (device,) = devices(shared_database, 1)
    first, second = workforce.stations
    fleet.move_device(session, device, station_id=first, at=ago(days=1))
    with pytest.raises(ConflictError, match="move it after that"):
        fleet.move_device(session, device, station_id=second, at=ago(days=2))
    with pytest.raises(InvalidError, match="in the future"):
        fleet.move_device(session, device, station_id=second, at=NOW + timedelta(days=1))


def test_a_revoked_device_frees_its_station_and_takes_no_orders(
    session: Session, workforce: Workforce, shared_database: Database
) -> None:
    one, two = devices(shared_database, 2)
    fleet.move_device(session, one, station_id=workforce.stations[0], at=ago(days=1))
    fleet.set_paused(session, one, paused=True)
    fleet.revoke_device(session, one)
    revoked_at = fleet.get_device(session, one).device.revoked_at
    fleet.revoke_device(session, one)
    assert fleet.get_device(session, one).device.revoked_at == revoked_at
    with pytest.raises(ConflictError, match="enrol it anew"):
        fleet.set_paused(session, one, paused=False)
    with pytest.raises(ConflictError, match="enrol it anew"):
        fleet.move_device(session, one, station_id=None, at=NOW)
    assert revoked_at is not None
    fleet.move_device(session, two, station_id=workforce.stations[0], at=revoked_at)


def test_devices_are_listed_by_the_site_where_they_stand(
    session: Session, workforce: Workforce, shared_database: Database
) -> None:
    one, _ = devices(shared_database, 2)
    fleet.move_device(session, one, station_id=workforce.stations[0], at=ago(days=1))
    (entry,) = fleet.list_devices(session, site_id=workforce.site, after=None, limit=10)
    assert entry.device.id == one
    assert entry.place is not None
    assert (entry.place.site, entry.place.area, entry.place.station) == ("Callao", "Paint", "P1")
    assert (entry.state, entry.account) == (None, None)


def test_a_device_that_is_not_there_is_said_so(session: Session) -> None:
    with pytest.raises(NotFoundError, match="there is no device 0"):
        fleet.get_device(session, 0)
