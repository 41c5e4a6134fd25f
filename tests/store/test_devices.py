"""How a device joins, what is known of it, and what it last said."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from stressvision_contracts.fleet import EnrolmentRequest, Heartbeat
from stressvision_store import devices
from stressvision_store.devices import DeviceStanding
from stressvision_store.enrolment_codes import hash_code
from stressvision_store.refusals import ConflictError, NotFoundError
from stressvision_store.session import transaction
from stressvision_store.tables import Device, DeviceState, EnrolmentCode
from stressvision_store.workforce_tables import Placement
from support.database import Database
from support.intake import make_station, new_code, register_model

pytestmark = pytest.mark.db
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))


def join(database: Database, code: str, key: bytes = KEY, hostname: str = "pi-1") -> int:
    request = EnrolmentRequest(code=code, public_key="", hostname=hostname, hardware="Pi 5", agent_version="0.1.0")
    with transaction(database.engine("ingest")) as session:
        return devices.enrol(session, code_hash=hash_code(code), public_key=key, request=request)


def change(database: Database, device_id: int, **columns) -> None:
    with transaction(database.engine()) as session:
        device = session.get_one(Device, device_id)
        for name, value in columns.items():
            setattr(device, name, value)


def roster(database: Database) -> devices.Roster:
    with transaction(database.engine("ingest")) as session:
        return devices.load_roster(session)


def test_a_code_is_spent_by_the_first_key(database: Database):
    code = new_code(database.engine())
    first = join(database, code)
    assert join(database, code) == first
    with pytest.raises(ConflictError, match="another device"):
        join(database, code, OTHER_KEY)
    with pytest.raises(NotFoundError):
        join(database, "no code")


def test_an_expired_code_still_answers_the_key_that_used_it(database: Database):
    code = new_code(database.engine())
    first = join(database, code)
    with transaction(database.engine()) as session:
        session.exec(select(EnrolmentCode)).one().expires_at = datetime.now(UTC) - timedelta(days=1)
    late = new_code(database.engine(), valid_for=timedelta(seconds=-1))
    with pytest.raises(devices.ExpiredError):
        join(database, late)
    assert join(database, code) == first


def test_a_known_key_with_a_fresh_code_keeps_its_id_and_moves(database: Database):
    first, second = (make_station(database.engine(), name) for name in ("a", "b"))
    device_id = join(database, new_code(database.engine(), station_id=first))
    assert join(database, new_code(database.engine(), station_id=second), hostname="pi-2") == device_id
    with transaction(database.engine()) as session:
        assert session.get_one(Device, device_id).hostname == "pi-2"
        placements = session.exec(select(Placement).order_by(Placement.id)).all()
        assert [(place.station_id, place.removed_at is None) for place in placements] == [
            (first, False),
            (second, True),
        ]
        assert placements[0].removed_at == placements[1].placed_at


def test_a_device_that_takes_a_station_replaces_the_one_that_stood_there(database: Database):
    station = make_station(database.engine(), "a")
    old = join(database, new_code(database.engine(), station_id=station))
    new = join(database, new_code(database.engine(), station_id=station), OTHER_KEY)
    with transaction(database.engine()) as session:
        left, came = session.exec(select(Placement).order_by(Placement.id)).all()
        assert (left.device_id, came.device_id) == (old, new)
        assert left.removed_at == came.placed_at
        assert came.removed_at is None


def test_of_two_devices_that_take_a_station_at_once_one_stays(database: Database):
    station = make_station(database.engine(), "a")
    codes = [new_code(database.engine(), station_id=station) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda place: join(database, codes[place], bytes([place]) * 32), range(8)))
    with transaction(database.engine()) as session:
        assert len(session.exec(select(Placement)).all()) == 8
        assert len(session.exec(select(Placement).where(Placement.removed_at.is_(None))).all()) == 1


def test_a_revoked_key_is_told_so_even_with_a_fresh_code(database: Database):
    device_id = join(database, new_code(database.engine()))
    change(database, device_id, revoked_at=datetime.now(UTC))
    with pytest.raises(devices.RevokedError):
        join(database, new_code(database.engine()))


def test_the_roster_tells_who_may_speak_and_what_may_exist(database: Database):
    register_model(database.engine(), "m-1")
    placed = join(
        database, new_code(database.engine(), station_id=make_station(database.engine(), "a", "fatigue_only"))
    )
    loose = join(database, new_code(database.engine()), OTHER_KEY)
    change(database, loose, paused=True, revoked_at=datetime.now(UTC))
    assert roster(database) == devices.Roster(
        {
            placed: DeviceStanding(KEY, revoked=False, paused=False, profile="fatigue_only"),
            loose: DeviceStanding(OTHER_KEY, revoked=True, paused=True, profile=devices.UNPLACED_PROFILE),
        },
        frozenset({"m-1"}),
    )
    with transaction(database.engine("ingest")) as session:
        assert devices.load_standing(session, placed).profile == "fatigue_only"
        with pytest.raises(NotFoundError):
            devices.load_standing(session, 999)


def test_a_device_that_was_removed_has_no_site(database: Database):
    device_id = join(database, new_code(database.engine(), station_id=make_station(database.engine(), "a", "off")))
    with transaction(database.engine()) as session:
        session.exec(select(Placement)).one().removed_at = datetime.now(UTC)
    assert roster(database).devices[device_id].profile == devices.UNPLACED_PROFILE


def test_the_newest_wanted_model_is_the_one(database: Database):
    def desired() -> str | None:
        with transaction(database.engine("ingest")) as session:
            model = devices.desired_model(session)
            return model.version if model else None

    register_model(database.engine(), "m-1")
    assert desired() is None
    now = datetime.now(UTC)
    register_model(database.engine(), "m-2", desired=True, registered_at=now)
    register_model(database.engine(), "m-3", desired=True, registered_at=now - timedelta(days=1))
    assert desired() == "m-2"


def test_only_the_last_heartbeat_is_kept(database: Database):
    device_id = join(database, new_code(database.engine()))
    for number in (1, 2):
        sent_at = datetime.now(UTC)
        beat = Heartbeat(
            sent_at=sent_at, boot_id="b", agent_version=f"0.{number}.0", next_seq=number, temperature_c=50.5
        )
        with transaction(database.engine("ingest")) as session:
            devices.record_heartbeat(session, device_id, beat, sent_at + timedelta(seconds=3))
    with transaction(database.engine()) as session:
        state = session.exec(select(DeviceState)).one()
        assert (state.next_seq, state.clock_offset_s, state.report["temperature_c"]) == (2, -3.0, 50.5)
        assert session.get_one(Device, device_id).agent_version == "0.2.0"
