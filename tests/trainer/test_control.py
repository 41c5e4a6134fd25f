"""The control API as a trainer asks it: when it is told to wait, and when it gives up."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from stressvision_trainer.control import Control
from stressvision_trainer.errors import ControlError
from support import control as services
from support.rollouts import NEW, OLD, register


@pytest.fixture
def busy() -> Iterator[tuple[str, list[int]]]:
    """A service that answers as the list says, in its order; 429 says how long to wait."""
    answers: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = answers.pop(0)
            self.send_response(status)
            if status == 429:
                self.send_header("Retry-After", "7")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"[]")

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()


def test_it_waits_as_long_as_it_is_told(busy: tuple[str, list[int]]) -> None:
    url, answers = busy
    answers += [429, 503, 200]
    waits: list[float] = []
    control = Control(url, "sv_x", wait=waits.append)
    assert control.picture_counts() == []
    assert waits[0] == 7.0
    assert 0 <= waits[1] <= 2.0
    control.close()


def test_a_refusal_says_which_value_is_to_blame(busy: tuple[str, list[int]]) -> None:
    url, answers = busy
    answers += [409]
    control = Control(url, "sv_x")
    with pytest.raises(ControlError, match="HTTP 409") as refused:  # from something else than our service
        control.picture_counts()
    assert (refused.value.status, refused.value.field) == (409, None)
    control.close()


def test_it_gives_up_when_its_patience_is_over(busy: tuple[str, list[int]]) -> None:
    url, answers = busy
    answers += [503]
    control = Control(url, "sv_x", patience_s=-1.0)
    with pytest.raises(ControlError, match="HTTP 503"):
        control.picture_counts()
    control.close()


def test_nobody_there_is_said_with_the_address() -> None:
    control = Control("http://127.0.0.1:9", "sv_x", patience_s=-1.0)
    with pytest.raises(ControlError, match=r"does not answer at http://127\.0\.0\.1:9"):
        control.picture_counts()
    control.close()


@pytest.mark.db
def test_the_model_in_use_is_found_behind_many_others(
    control: services.Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressvision_trainer.control.MODELS_AT_ONCE", 1)
    trainer = Control(control.url, control.token("ml"))
    register(control.database, OLD)
    assert trainer.desired_model() is None
    register(control.database, NEW, desired=True)
    found = trainer.desired_model()
    assert found is not None
    assert found["version"] == NEW
    trainer.close()
