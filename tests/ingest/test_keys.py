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


def rotate(device: Device, new: Device, **claims: object) -> httpx.Response:
    proof = new.assertion(**{"aud": KEY_AUDIENCE, **claims})
    body = {"public_key": new.public_key, "proof": proof}
    return device.client.post("/v1/key", json=body, headers=device.headers)


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
    stolen = {"public_key": new.public_key, "proof": device.assertion(aud=KEY_AUDIENCE)}
    assert device.client.post("/v1/key", json=stolen, headers=device.headers).status_code == 401
    assert rotate(device, new, aud="stressvision-ingest").status_code == 401
    assert rotate(device, new, aud="http://here/v1/token").status_code == 401
    assert rotate(device, new, exp=1).status_code == 401
    assert rotate(device, new, iss="999", sub="999").status_code == 401
    other = join(client, database.engine())
    assert rotate(other, new).status_code == 401, "the proof names another device than the token"
    assert rotate(replace(device, token="x"), new).status_code == 401
    assert device.client.post("/v1/key", json={"public_key": "x"}, headers=device.headers).status_code == 422


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
