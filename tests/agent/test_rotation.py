"""A device gets a new key, and can speak whatever happens while it does; the last tests are against the real intake."""

import multiprocessing
import signal

import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from stressvision_agent.enrolment import join
from stressvision_agent.identity import Enrolled, load_identity, make_key, public_key_text, save_enrolled
from stressvision_agent.settings import DeviceSettings, ServerSettings, Settings
from stressvision_contracts.fleet import KEY_AUDIENCE
from support.intake import make_settings, new_code, serve_intake
from support.rotating import rotate_until, rotating
from support.small_server import Reply, small_server


@pytest.fixture
def small():
    with small_server() as server:
        yield server


@pytest.fixture
def key_file(tmp_path):
    path = tmp_path / "device.key"
    make_key(path)
    save_enrolled(tmp_path / "device.json", Enrolled(device_id=7, server=""))
    return path


def text_at(path):
    return public_key_text(load_identity(path, path.with_name("device.json")).key)


def test_it_shows_the_server_that_it_holds_the_new_key_and_uses_it(small, key_file, tmp_path):
    old = text_at(key_file)
    with rotating(key_file, tmp_path, small.url) as (kept, _, rotation):
        before = kept.identity.key
        assert not rotation.step(asked=False)
        assert rotation.step(asked=True)
        (request,) = small.key_requests
        new = public_key_text(kept.identity.key)
    assert request["public_key"] == new == text_at(key_file) != old
    claims = jwt.decode(request["proof"], kept.identity.key.public_key(), ["EdDSA"], audience=KEY_AUDIENCE)
    assert claims["sub"] == "7"
    first = jwt.decode(request["old_proof"], before.public_key(), ["EdDSA"], audience=KEY_AUDIENCE)
    assert (first["sub"], first["key"]) == ("7", new)
    jwt.decode(small.assertion, kept.identity.key.public_key(), ["EdDSA"], audience="stressvision-ingest")
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device.json", "device.key"]


@pytest.mark.parametrize("reply", [Reply(503), Reply(hang_up=True)])
def test_without_an_answer_the_same_key_is_shown_again(small, key_file, tmp_path, reply):
    old = text_at(key_file)
    small.key_replies = [reply]
    with rotating(key_file, tmp_path, small.url) as (_, _, rotation):
        assert not rotation.step(asked=True)
        assert text_at(key_file) == old
    with rotating(key_file, tmp_path, small.url) as (_, _, rotation):
        assert rotation.step(asked=False)
    first, second = small.key_requests
    assert first["public_key"] == second["public_key"] == text_at(key_file)


def test_a_key_that_the_server_refuses_is_forgotten(small, key_file, tmp_path):
    old = text_at(key_file)
    small.key_replies = [Reply(409, {"detail": "taken"})]
    with rotating(key_file, tmp_path, small.url) as (kept, _, rotation):
        assert not rotation.step(asked=True)
        assert not kept.waiting.exists()
        assert text_at(key_file) == old
        assert rotation.step(asked=True)
    assert small.key_requests[0]["public_key"] != small.key_requests[1]["public_key"]


def test_a_proof_that_is_refused_does_not_cost_the_old_key(small, key_file, tmp_path):
    old = text_at(key_file)
    small.key_replies = [Reply(401), Reply(401)]
    with rotating(key_file, tmp_path, small.url) as (kept, _, rotation):
        assert not rotation.step(asked=True)
        assert kept.waiting.exists()
    assert text_at(key_file) == old


def test_where_only_the_new_key_is_known_it_is_taken(small, key_file, tmp_path):
    small.token_replies = [Reply(401), Reply(401), Reply(401)]
    with rotating(key_file, tmp_path, small.url) as (kept, _, rotation):
        new = public_key_text(kept.new_key())
        assert rotation.step(asked=False)
    assert text_at(key_file) == new


def test_beside_systemds_copy_the_new_key_lies_with_the_agents_state(small, tmp_path, monkeypatch):
    (tmp_path / "etc").mkdir()
    state = tmp_path / "state"
    state.mkdir()
    first = make_key(tmp_path / "etc" / "device.key")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "etc"))
    save_enrolled(state / "device.json", Enrolled(device_id=7, server=""))
    key_file = tmp_path / "roots-own" / "device.key"
    with rotating(key_file, state, small.url) as (kept, _, rotation):
        assert public_key_text(kept.identity.key) == public_key_text(first)
        assert rotation.step(asked=True)
    assert (state / "rotated.key").exists()
    assert not key_file.exists()
    again = load_identity(key_file, state / "device.json").key
    assert public_key_text(again) == small.key_requests[0]["public_key"]


def test_a_key_that_another_process_put_there_is_found(small, key_file, tmp_path):
    with rotating(key_file, tmp_path, small.url) as (kept, client, _):
        new = Ed25519PrivateKey.generate()
        with rotating(key_file, tmp_path, small.url) as (other, _, rotation):
            rotation.step(asked=True)
            new = other.identity.key
        small.token_replies = [Reply(401)]
        assert client._ensure_token() is None
        assert public_key_text(kept.identity.key) == public_key_text(new)


@pytest.fixture
def enrolled(tmp_path, database, redis_url):
    with serve_intake(make_settings(database, redis_url)) as intake:
        settings = Settings(
            server=ServerSettings(url=str(intake.base_url)), device=DeviceSettings(state_dir=tmp_path / "state")
        )
        join(settings, new_code(database.engine()))
        yield settings


def keys_of(database):
    with psycopg.connect(database.url("owner")) as connection:
        return connection.execute("SELECT public_key, previous_key FROM devices").fetchone()


@pytest.mark.db
def test_the_intake_knows_the_new_key_alone_once_it_was_used(enrolled, database):
    before = keys_of(database)
    with rotating(enrolled.key_file, enrolled.device.state_dir, enrolled.server.url) as (_, _, rotation):
        assert rotation.step(asked=True)
    key, previous = keys_of(database)
    assert key == load_identity(enrolled.key_file, enrolled.enrolled_file).key.public_key().public_bytes_raw()
    assert (before[1], previous) == (None, None)
    assert key != before[0]


@pytest.mark.e2e
def test_killed_at_any_point_the_device_can_still_speak(enrolled, database):
    spawn = multiprocessing.get_context("spawn")
    for step in range(1, 20):
        child = spawn.Process(target=rotate_until, args=(enrolled, step))
        child.start()
        child.join(60)
        with rotating(enrolled.key_file, enrolled.device.state_dir, enrolled.server.url) as (kept, client, rotation):
            rotation.step(asked=False)
            assert client.fetch_token().status == 200
            assert not kept.waiting.exists()
        if child.exitcode == 7:
            assert step > 3
            break
        assert child.exitcode == -signal.SIGKILL
    else:
        raise AssertionError("it never came to an end")
