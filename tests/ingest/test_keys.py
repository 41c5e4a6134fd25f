"""A device changes the key it is known by, over HTTP."""

from dataclasses import replace

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text

from stressvision_contracts.fleet import KEY_AUDIENCE
from stressvision_ingest.settings import Settings
from support.database import Database
from support.intake import Device, join, serve_intake
from support.servers import wait_until

pytestmark = pytest.mark.db


def with_new_key(device: Device) -> Device:
    return replace(device, key=Ed25519PrivateKey.generate())


def ask(device: Device, new: Device, proof: str, old_proof: str) -> httpx.Response:
    body = {"public_key": new.public_key, "proof": proof, "old_proof": old_proof}
    return device.client.post("/v1/key", json=body, headers=device.headers)


def old_proof(device: Device, new: Device, **claims: object) -> str:
    return device.assertion(**{"aud": KEY_AUDIENCE, "key": new.public_key, **claims})


def rotate(device: Device, new: Device, **claims: object) -> httpx.Response:
    """As `device` does; `claims` spoil the proof by the new key."""
    return ask(device, new, new.assertion(**{"aud": KEY_AUDIENCE, **claims}), old_proof(device, new))


def rotate_with(device: Device, new: Device, proof_by_old: str) -> httpx.Response:
    return ask(device, new, new.assertion(aud=KEY_AUDIENCE), proof_by_old)


def test_the_new_key_takes_over_with_its_first_token(device: Device) -> None:
    new = with_new_key(device)
    assert rotate(device, new).status_code == 204
    assert rotate(device, new).status_code == 204, "the answer was lost"
    assert device.ask_token().is_success, "the old key holds until the new one is used"
    assert new.ask_token().is_success
    assert device.ask_token().status_code == 401
    assert new.ask_token().is_success
    assert new.beat().is_success


def test_a_device_whose_new_key_got_lost_makes_another(device: Device) -> None:
    rotate(device, with_new_key(device))
    again = with_new_key(device)
    assert rotate(device, again).status_code == 204
    assert again.ask_token().is_success


def test_the_proof_must_be_the_new_keys_own(device: Device, client: httpx.Client, database: Database) -> None:
    new = with_new_key(device)
    assert ask(device, new, device.assertion(aud=KEY_AUDIENCE), old_proof(device, new)).status_code == 401
    assert rotate(device, new, aud="stressvision-ingest").status_code == 401
    assert rotate(device, new, aud="http://here/v1/token").status_code == 401
    assert rotate(device, new, exp=1).status_code == 401
    assert rotate(device, new, iss="999", sub="999").status_code == 401
    other = join(client, database.engine())
    assert rotate(other, new).status_code == 401, "the proof names another device than the token"
    assert rotate(replace(device, token="x"), new).status_code == 401
    assert device.client.post("/v1/key", json={"public_key": "x"}, headers=device.headers).status_code == 422


def key_changes(database: Database, device: Device) -> int:
    statement = text("SELECT count(*) FROM audit WHERE action = 'device.change_key' AND subject = :device")
    with database.engine().connect() as connection:
        return connection.scalar(statement, {"device": f"device {device.id}"}) or 0


def test_a_stolen_token_alone_changes_no_key(device: Device, client: httpx.Client, database: Database) -> None:
    thiefs = with_new_key(device)
    other = join(client, database.engine())
    assert rotate_with(device, thiefs, old_proof(thiefs, thiefs)).status_code == 401, "signed by the new key itself"
    assert rotate_with(device, thiefs, old_proof(with_new_key(device), thiefs)).status_code == 401
    assert rotate_with(device, thiefs, old_proof(other, thiefs)).status_code == 401, "another device's proof"
    assert rotate_with(device, thiefs, old_proof(other, thiefs, iss=str(device.id), sub=str(device.id))).is_error
    assert rotate_with(device, thiefs, "x").status_code == 401
    without = {"public_key": thiefs.public_key, "proof": thiefs.assertion(aud=KEY_AUDIENCE)}
    assert device.client.post("/v1/key", json=without, headers=device.headers).status_code == 422
    assert key_changes(database, device) == 0
    assert thiefs.ask_token().status_code == 401
    assert device.ask_token().is_success


def test_a_proof_by_the_old_key_is_for_one_new_key_and_for_nothing_else(device: Device, database: Database) -> None:
    thiefs, own = with_new_key(device), with_new_key(device)
    assert rotate_with(device, thiefs, old_proof(device, own)).status_code == 401, "caught on its way"
    assert rotate_with(device, thiefs, old_proof(device, thiefs, key=None)).status_code == 401
    assert rotate_with(device, thiefs, old_proof(device, thiefs, aud="stressvision-ingest")).status_code == 401
    assert rotate_with(device, thiefs, device.assertion()).status_code == 401, "the assertion of a request for a token"
    late = rotate_with(device, thiefs, old_proof(device, thiefs, exp=1))
    assert (late.status_code, "server_time" in late.json()) == (401, True)
    assert key_changes(database, device) == 0


def test_a_key_that_was_replaced_and_is_past_replaces_none(device: Device) -> None:
    new = with_new_key(device)
    rotate(device, new)
    assert new.ask_token().is_success
    again = with_new_key(device)
    assert rotate_with(new, again, old_proof(device, again)).status_code == 401
    assert rotate(new, again).status_code == 204


def test_the_key_of_another_device_is_refused(device: Device, client: httpx.Client, database: Database) -> None:
    other = join(client, database.engine())
    refused = rotate(device, replace(device, key=other.key))
    assert (refused.status_code, refused.json()["field"]) == (409, "$.public_key")
    assert rotate(device, device).status_code == 204, "its own key is no news"


def test_a_key_proof_is_no_token(device: Device) -> None:
    assert device.ask_token(device.assertion(aud=KEY_AUDIENCE)).status_code == 401


def test_a_heartbeat_asks_for_a_new_key_until_there_is_one(device: Device, database: Database) -> None:
    def change(what: str) -> None:
        with database.engine().begin() as connection:
            connection.execute(text(f"UPDATE devices SET {what} WHERE id = :id"), {"id": device.id})

    assert "rotate_key" not in device.beat().json() or device.beat().json()["rotate_key"] is False
    change("key_rotation_asked_at = now()")
    assert device.beat().json()["rotate_key"] is True
    new = with_new_key(device)
    rotate(device, new)
    assert device.beat().json()["rotate_key"] is False
    change("key_changed_at = now() - interval '366 days'")
    assert device.beat().json()["rotate_key"] is True


def test_a_key_changed_through_another_replica_is_known(device: Device, settings: Settings) -> None:
    with serve_intake(settings.model_copy(update={"roster_age_s": 4.0})) as other:
        elsewhere = replace(device, client=other)
        assert elsewhere.ask_token().is_success
        new = with_new_key(device)
        rotate(device, new)
        assert replace(new, client=other).ask_token().is_success
        wait_until(lambda: device.ask_token().status_code == 401, "the end of the old key, within seconds")
