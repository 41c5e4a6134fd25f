"""Joining with a code, and proving who one is afterwards."""

import json
import time
from datetime import UTC, datetime, timedelta

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import text

from stressvision_contracts.fleet import ASSERTION_TYPE
from support.database import Database
from support.intake import Device, join, make_gap, make_settings, make_station, new_code, serve_intake

pytestmark = pytest.mark.db


@pytest.fixture
def code(database: Database) -> str:
    return new_code(database.engine())


@pytest.fixture
def stranger(client: httpx.Client) -> Device:
    return Device(client)


def status_of(answer: httpx.Response) -> int:
    if answer.is_error:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]
    return answer.status_code


def test_a_device_joins_with_a_code_and_sends(stranger: Device, code):
    answer = stranger.enrol(code)
    assert (answer.status_code, list(answer.json())) == (201, ["device_id"])
    token = stranger.ask_token()
    assert token.json() | {"access_token": ""} == {"access_token": "", "expires_in": 3600, "token_type": "Bearer"}
    assert token.headers["cache-control"] == "no-store"
    assert stranger.send(make_gap()).status_code == 202


def test_a_code_of_a_station_places_the_device_there(stranger: Device, database: Database):
    first, second = make_station(database.engine(), "press 1"), make_station(database.engine(), "press 2")
    for station in (first, second):
        stranger.enrol(new_code(database.engine(), station_id=station))
    with database.engine().connect() as connection:
        placed = connection.execute(
            text("SELECT station_id, removed_at IS NULL FROM placements WHERE device_id = :id ORDER BY id"),
            {"id": stranger.id},
        ).all()
    assert placed == [(first, False), (second, True)], "with a fresh code it has moved"


def test_the_same_key_with_the_same_code_gets_the_same_id_again(stranger: Device, code):
    first = stranger.enrol(code).json()
    assert stranger.enrol(code, hostname="renamed").json() == first


def test_the_key_may_come_as_pem(stranger: Device, code):
    pem = stranger.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    assert stranger.enrol(code, public_key=pem).status_code == 201
    assert stranger.ask_token().status_code == 200


def test_an_unknown_code_is_not_found(stranger: Device):
    assert status_of(stranger.enrol("no-such-code")) == 404


def test_a_code_is_good_for_one_device_only(stranger: Device, code, client: httpx.Client):
    assert stranger.enrol(code).status_code == 201
    assert status_of(Device(client).enrol(code)) == 409


def test_a_code_expires(stranger: Device, database: Database):
    late = new_code(database.engine(), valid_for=timedelta(seconds=-1))
    assert status_of(stranger.enrol(late)) == 410


def test_a_revoked_key_cannot_join_again(device: Device, database: Database):
    with database.engine().begin() as connection:
        connection.execute(text("UPDATE devices SET revoked_at = now() WHERE id = :id"), {"id": device.id})
    assert status_of(device.enrol(new_code(database.engine()))) == 403


@pytest.mark.parametrize(
    "changes",
    [
        {"public_key": "short"},
        {"public_key": "A" * 43 + "!"},
        {"public_key": "é" * 43},
        {"public_key": "-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----"},
        {
            "public_key": generate_private_key(SECP256R1())
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        },
        {"hostname": "a\0b"},
        {"hostname": "x" * 201},
        {"agent_version": ""},
        {"picture": "x"},
        {"code": ...},
    ],
)
def test_a_bad_request_to_join_names_its_field(stranger: Device, code, changes):
    request = {"code": code, "public_key": stranger.public_key, "hostname": "h", "hardware": "w", "agent_version": "1"}
    request = {key: value for key, value in (request | changes).items() if value is not ...}
    answer = stranger.client.post("/v1/enroll", json=request)
    assert status_of(answer) == 422
    assert answer.json()["field"].startswith("$")


def test_guessing_codes_is_slowed_down(database: Database, redis_url: str):
    with serve_intake(make_settings(database, redis_url, enrolment_failures=3)) as client:
        statuses = [Device(client).enrol(f"guess-{n}").status_code for n in range(8)]
        assert statuses[:3] == [404] * 3
        assert statuses[-1] == 429
        refused = Device(client).enrol("guess")
        assert int(refused.headers["retry-after"]) >= 1


def test_joining_in_numbers_is_not_slowed_down(client: httpx.Client, database: Database):
    devices = [join(client, database.engine()) for _ in range(25)]
    assert len({device.id for device in devices}) == 25


# tokens


def test_the_assertion_may_come_as_json(device: Device):
    fields = {"client_assertion": device.assertion(), "client_assertion_type": ASSERTION_TYPE}
    assert device.client.post("/v1/token", json=fields).status_code == 200


@pytest.mark.parametrize("audience", ["https://stress.example:8443/v1/token", ["x", "http://127.0.0.1/base/v1/token"]])
def test_the_audience_may_be_the_endpoint_by_any_name(device: Device, audience):
    assert device.ask_token(device.assertion(aud=audience)).status_code == 200


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another-service"},
        {"aud": "https://stress.example/v1/events"},
        {"aud": "http://["},
        {"aud": ...},
        {"iss": "1000000"},
        {"iss": ..., "sub": ...},
        {"sub": "-1", "iss": "-1"},
        {"sub": "9" * 30, "iss": "9" * 30},
        {"exp": ...},
        {"exp": True},
        {"jti": ...},
        {"jti": "short"},
        {"jti": 12345678},
    ],
)
def test_an_assertion_that_does_not_hold_is_refused(device: Device, changes):
    answer = device.ask_token(device.assertion(**changes))
    assert status_of(answer) == 401
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "e30.e30.", "é"])
def test_what_is_no_assertion_is_refused(device: Device, assertion):
    fields = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE}
    assert status_of(device.client.post("/v1/token", json=fields)) == 401


def test_only_the_device_s_own_key_signs_for_it(device: Device):
    forger = Device(device.client, id=device.id)
    assert status_of(device.ask_token(forger.assertion())) == 401


def test_an_assertion_without_signature_or_signed_with_the_public_key_is_refused(device: Device):
    claims = jwt.decode(device.assertion(), options={"verify_signature": False})
    unsigned = jwt.encode(claims, None, algorithm="none")
    confused = jwt.encode(claims, device.key.public_key().public_bytes_raw(), algorithm="HS256")
    assert [status_of(device.ask_token(forged)) for forged in (unsigned, confused)] == [401, 401]


def test_an_unknown_device_is_refused(client: httpx.Client):
    assert status_of(Device(client, id=999_999).ask_token()) == 401


def test_an_assertion_is_good_once(device: Device):
    assertion = device.assertion()
    assert device.ask_token(assertion).status_code == 200
    assert status_of(device.ask_token(assertion)) == 401


@pytest.mark.parametrize("offset_s", [-1e9, -86_400, -400, 400, 86_400, 5e9])
def test_a_device_with_a_wrong_clock_learns_the_time_and_gets_in(device: Device, offset_s):
    device.clock_offset_s = offset_s
    refused = device.ask_token()
    assert status_of(refused) == 401
    assert refused.headers["date"]
    told = datetime.fromisoformat(refused.json()["server_time"])
    assert abs(told - datetime.now(UTC)) < timedelta(seconds=5)
    device.clock_offset_s = told.timestamp() - time.time()
    assert device.ask_token().status_code == 200


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"grant_type": "password"}, 422),
        ({"client_assertion_type": "urn:other"}, 422),
        ({"client_assertion": ...}, 422),
        ({"client_assertion": 5}, 422),
        ({"client_id": "1000000"}, 401),
    ],
)
def test_a_bad_request_for_a_token_is_refused(device: Device, fields, status):
    whole = {"client_assertion": device.assertion(), "client_assertion_type": ASSERTION_TYPE} | fields
    answer = device.client.post("/v1/token", json={key: value for key, value in whole.items() if value is not ...})
    assert status_of(answer) == status


@pytest.mark.parametrize("body", [b"", b"x", b"\xff=\xff", b"&".join(b"a%d=b" % n for n in range(100))])
def test_a_form_that_is_none_is_refused(client: httpx.Client, body):
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert status_of(client.post("/v1/token", content=body, headers=headers)) in {400, 422}


def test_a_token_of_another_secret_or_audience_is_refused(device: Device, settings):
    secret = settings.token_secret.get_secret_value()
    good = jwt.decode(device.token, options={"verify_signature": False})
    for key, claims in (("x" * 43, good), (secret, good | {"aud": "x"}), (secret, good | {"exp": 5})):
        device.token = jwt.encode(claims, key, algorithm="HS256")
        assert status_of(device.send(make_gap())) == 401


def test_a_small_body_may_not_be_large(client: httpx.Client):
    for path in ("/v1/enroll", "/v1/token"):
        assert status_of(client.post(path, content=json.dumps({"code": "x" * 20_000}))) == 413
