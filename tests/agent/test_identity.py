"""The device's key and number: made once, readable by the owner alone, and of use to a server."""

import base64
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from stressvision_agent.identifiers import time_of, uuid7
from stressvision_agent.identity import (
    Enrolled,
    Identity,
    IdentityError,
    key_path,
    load_enrolled,
    load_identity,
    load_key,
    load_or_make_key,
    public_key_text,
    save_enrolled,
)
from stressvision_contracts.fleet import ASSERTION_AUDIENCE

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    path = tmp_path / "state" / "device.key"
    made = load_or_make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_key_text(load_or_make_key(path)) == public_key_text(made)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "device.key"
    load_or_make_key(path)
    path.chmod(0o640)
    with pytest.raises(IdentityError, match="chmod 600"):
        load_key(path)


@pytest.mark.parametrize("text", [b"", b"nonsense", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_broken_key_says_what_to_do(tmp_path, text):
    path = tmp_path / "device.key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(IdentityError, match="enrol again"):
        load_key(path)


def test_an_assertion_proves_who_signed_it(tmp_path):
    key = load_or_make_key(tmp_path / "device.key")
    assertion = Identity(key, Enrolled(device_id=42, server="https://x")).assertion(datetime.now(UTC))
    text = public_key_text(key)
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    claims = jwt.decode(assertion, public, algorithms=["EdDSA"], audience=ASSERTION_AUDIENCE)
    assert (claims["iss"], claims["sub"]) == ("42", "42")
    assert claims["exp"] - claims["iat"] == 60


def test_no_two_assertions_are_the_same(tmp_path):
    identity = Identity(load_or_make_key(tmp_path / "k"), Enrolled(device_id=1, server=""))
    assert identity.assertion(NOW) != identity.assertion(NOW)


def test_a_device_that_never_enrolled_is_told_to(tmp_path):
    assert load_enrolled(tmp_path / "device.json") is None
    with pytest.raises(IdentityError, match="stressvision-agent enroll"):
        load_identity(tmp_path / "device.key", tmp_path / "device.json")


def test_what_enrolment_gave_is_kept(tmp_path):
    enrolled = Enrolled(device_id=3, server="https://x")
    save_enrolled(tmp_path / "device.json", enrolled)
    assert load_enrolled(tmp_path / "device.json") == enrolled
    (tmp_path / "device.json").write_text("{}")
    with pytest.raises(IdentityError, match="enrol again"):
        load_enrolled(tmp_path / "device.json")


def test_a_systemd_credential_outranks_the_configured_file(tmp_path, monkeypatch):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    configured = tmp_path / "device.key"
    assert key_path(configured) == configured
    load_or_make_key(credentials / "device.key")
    assert key_path(configured) == credentials / "device.key"


def test_systemds_copy_may_be_readable_by_an_acl_but_never_by_all(tmp_path, monkeypatch):
    copy = tmp_path / "device.key"
    load_or_make_key(copy)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    copy.chmod(0o440)  # as systemd 257 shows it to the unit's user
    assert load_key(copy)
    copy.chmod(0o444)
    with pytest.raises(IdentityError, match="others could read it"):
        load_key(copy)


@pytest.mark.parametrize("year", [1970, 2026, 2200])
def test_event_ids_carry_their_time_and_never_repeat(year):
    at = datetime(year, 5, 6, 7, 8, 9, 123_000, tzinfo=UTC)
    made = {uuid7(at) for _ in range(1000)}
    assert len(made) == 1000
    assert {(one.version, time_of(one)) for one in made} == {(7, at)}


def test_a_time_before_1970_gives_an_id_all_the_same():
    assert time_of(uuid7(datetime(1969, 12, 31, tzinfo=UTC))) == datetime(1970, 1, 1, tzinfo=UTC)
