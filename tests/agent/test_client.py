"""The device's side of HTTP: bad networks, wrong clocks, and what a person is told when enrolment fails."""

import socket
import threading
from contextlib import contextmanager
from datetime import timedelta

import jwt
import pytest

from stressvision_agent.client import EnrolmentError, open_http
from stressvision_agent.enrolment import join
from stressvision_agent.settings import DeviceSettings, ServerSettings, Settings
from support.device import TurnedClock, sending_side, window
from support.small_server import Reply, small_server


@contextmanager
def silent_server(says=b""):
    """A port that takes connections and, but for `says`, never answers: a half-open socket."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        over, taken = threading.Event(), []

        def take():
            listener.settimeout(0.05)
            while not over.is_set():
                try:
                    taken.append(listener.accept()[0])
                except TimeoutError:
                    continue
                taken[-1].sendall(says)
                if says:
                    taken[-1].close()

        thread = threading.Thread(target=take)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            over.set()
            thread.join()
            for one in taken:
                one.close()


BREAKING_OFF = b"HTTP/1.1 202 OK\r\nContent-Length: 99\r\n\r\n{"


@pytest.mark.parametrize("says", [b"", b"HTTP/1.1 202 Accep", b"\x15\x03\x01", BREAKING_OFF])
def test_a_server_that_hangs_or_breaks_off_costs_a_wait(tmp_path, says):
    clock = TurnedClock()
    with silent_server(says=says) as url, sending_side(tmp_path, url, clock) as side:
        side.client._http.timeout = 0.3
        side.spool.append(window(clock.uptime_s))
        side.uploader.step()
        assert side.spool.status().events == 1


def test_a_device_in_1970_signs_again_with_the_servers_time(tmp_path):
    clock = TurnedClock(offset=timedelta(days=-20_000))
    with small_server() as small, sending_side(tmp_path, small.url, clock) as side:
        small.now = clock.true_now
        refusal = {"detail": "is the clock right?", "server_time": clock.true_now().isoformat()}
        small.token_replies = [Reply(401, refusal)]
        side.spool.append(window(clock.uptime_s))
        side.drain()
        claims = jwt.decode(small.assertion, options={"verify_signature": False})
        assert claims["iat"] == pytest.approx(clock.true_now().timestamp(), abs=2)
        assert len(small.events) == 1


def test_a_token_answer_that_cannot_be_read_costs_a_wait(tmp_path):
    clock = TurnedClock()
    with small_server() as small, sending_side(tmp_path, small.url, clock) as side:
        small.token_replies = [Reply(200, {"hello": "captive portal"})]
        side.spool.append(window(clock.uptime_s))
        side.uploader.step()
        assert small.events == {}
        side.drain()
        assert len(small.events) == 1


def test_proxies_of_the_environment_are_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with small_server() as small, open_http(ServerSettings(url=small.url)) as http:
        assert http.post("/v1/heartbeat", json={}).status_code == 200


def test_enrolment_leaves_a_key_and_a_number(tmp_path):
    with small_server() as small:
        settings = Settings(server=ServerSettings(url=small.url), device=DeviceSettings(state_dir=tmp_path / "state"))
        assert join(settings, "CODE").device_id == 7
        assert small.enrolment["code"] == "CODE"
        assert settings.enrolled_file.exists()


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404, {"detail": "unknown code"}), "fresh code"),
        (Reply(410, {"detail": "too late"}), "too late"),
        (Reply(500), "try again later"),
        (Reply(429), "try again later"),
        (Reply(308, headers={"Location": "https://new.example/"}), "give that address"),
        (Reply(200, {"welcome": "hotel wifi"}), "no Stress Vision server"),
        (Reply(hang_up=True), "check address, network, certificate"),
    ],
)
def test_failed_enrolment_says_what_to_do(tmp_path, reply, words):
    with small_server() as small:
        small.enrolment_replies = [reply]
        settings = Settings(server=ServerSettings(url=small.url), device=DeviceSettings(state_dir=tmp_path / "state"))
        with pytest.raises(EnrolmentError, match=words):
            join(settings, "CODE")
        assert not settings.enrolled_file.exists()


def test_an_endless_answer_is_none_of_ours(tmp_path):
    clock = TurnedClock()
    with small_server() as small, sending_side(tmp_path, small.url, clock) as side:
        small.script = [Reply(202, {"stored": 1, "duplicate": 0, "padding": "x" * (2 << 20)})]
        side.spool.append(window(clock.uptime_s))
        side.uploader.step()
        assert side.spool.status().events == 1
        side.drain()
        assert len(small.events) == 1


@pytest.mark.parametrize("asked", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "soon", "-5", "\u00b2"])
def test_no_retry_after_silences_a_device_for_good(tmp_path, asked):
    clock = TurnedClock()
    with small_server() as small, sending_side(tmp_path, small.url, clock) as side:
        small.script = [Reply(503, headers={"Retry-After": asked})]
        side.spool.append(window(clock.uptime_s))
        assert side.uploader.step() <= 3_600 + 1
