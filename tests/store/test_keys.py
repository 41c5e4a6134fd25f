"""A device changes its key; no key is ever two devices'."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from stressvision_contracts.fleet import EnrolmentRequest
from stressvision_store import devices, keys
from stressvision_store.enrolment_codes import hash_code
from stressvision_store.refusals import ConflictError, NotFoundError
from stressvision_store.session import transaction
from stressvision_store.tables import Device
from stressvision_store.workforce_tables import AuditEntry
from support import workforce
from support.database import Database
from support.intake import new_code

pytestmark = pytest.mark.db
NOW = datetime.now(UTC)


def change(database: Database, device: int, key: bytes) -> bool:
    with transaction(database.engine("ingest")) as session:
        return keys.change_key(session, device, key, at=NOW)


def used(database: Database, device: int, key: bytes) -> bool:
    with transaction(database.engine("ingest")) as session:
        return keys.drop_previous_key(session, device, key)


def keys_of(database: Database, device: int) -> tuple[bytes, bytes | None]:
    with transaction(database.engine()) as session:
        row = session.get_one(Device, device)
        return row.public_key, row.previous_key


def test_the_old_key_holds_until_the_new_one_is_used(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    old, _ = keys_of(database, device)
    new = secrets.token_bytes(32)
    assert change(database, device, new)
    assert keys_of(database, device) == (new, old)
    assert not change(database, device, new), "the answer was lost, and it asks again"
    assert not used(database, device, old)
    assert used(database, device, new)
    assert not used(database, device, new)
    assert keys_of(database, device) == (new, None)
    with transaction(database.engine()) as session:
        entries = [(entry.actor, entry.action) for entry in session.exec(select(AuditEntry).order_by(AuditEntry.id))]
    assert entries == [(f"device {device}", "device.change_key"), (f"device {device}", "device.use_new_key")]


def test_a_new_key_that_got_lost_gives_way_to_another(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    old, _ = keys_of(database, device)
    change(database, device, secrets.token_bytes(32))
    newer = secrets.token_bytes(32)
    assert change(database, device, newer)
    assert keys_of(database, device) == (newer, old)
    with pytest.raises(ConflictError, match="to be replaced"):
        change(database, device, old)


def test_a_key_of_another_device_is_refused_also_its_last_one(database: Database) -> None:
    device, other = workforce.devices(database, 2)
    theirs, _ = keys_of(database, other)
    change(database, other, secrets.token_bytes(32))
    for taken in (theirs, keys_of(database, other)[0]):
        with pytest.raises(ConflictError, match="another device"):
            change(database, device, taken)
    with pytest.raises(NotFoundError):
        change(database, 999, secrets.token_bytes(32))


def test_of_two_devices_that_take_a_key_at_once_one_gets_it(database: Database) -> None:
    pair = workforce.devices(database, 2)
    key = secrets.token_bytes(32)

    def attempt(device: int) -> bool:
        try:
            return change(database, device, key)
        except ConflictError:
            return False

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(attempt, pair)) == [False, True]


def test_a_device_that_changes_its_key_and_enrols_by_the_old_one_is_still_itself(database: Database) -> None:
    (device,) = workforce.devices(database, 1)
    old, _ = keys_of(database, device)
    change(database, device, secrets.token_bytes(32))
    code = new_code(database.engine())
    request = EnrolmentRequest(code=code, public_key="", hostname="pi-1", hardware="Pi 5", agent_version="0.1.0")
    with transaction(database.engine("ingest")) as session:
        assert devices.enrol(session, code_hash=hash_code(code), public_key=old, request=request) == device


def test_a_new_key_is_wanted_when_asked_for_or_when_it_is_old(database: Database) -> None:
    first, second, revoked = workforce.devices(database, 3)
    with transaction(database.engine()) as session:
        session.get_one(Device, revoked).revoked_at = NOW
        session.get_one(Device, second).key_changed_at = NOW - timedelta(days=366)
    with transaction(database.engine("control")) as session:
        assert keys.ask_rotation(session, first) == 1
        with pytest.raises(ConflictError):
            keys.ask_rotation(session, revoked)

    def wanted(device: int, days: int | None) -> bool:
        with transaction(database.engine()) as session:
            age = timedelta(days=days) if days else None
            return keys.should_rotate(session.get_one(Device, device), greatest_age=age, at=NOW)

    assert [wanted(first, None), wanted(second, 365), wanted(second, None), wanted(second, 400)] == [
        True, True, False, False,
    ]  # fmt: skip
    change(database, first, secrets.token_bytes(32))
    assert not wanted(first, 365)
    with transaction(database.engine("control")) as session:
        assert keys.ask_rotation(session) == 2, "all but the revoked one"
