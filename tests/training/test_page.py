"""The page: a real server, asked over HTTP as a browser does, that keeps no picture."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import httpx
import pytest
from gradio_client import Client, handle_file
from skimage.data import astronaut

from stressvision_contracts.labels import COMPANY5
from stressvision_training.trial.page import RAM_DISK, private_folder
from support.servers import free_port

MODEL = Path(__file__).parents[2] / "models" / "stressvision" / "model_int8.tflite"

pytestmark = pytest.mark.train


class Server(NamedTuple):
    """`where` is its home and temporary folder: what it keeps, it keeps there or on the RAM disk."""

    address: str
    where: Path
    process: subprocess.Popen[bytes]


@contextmanager
def _serving(where: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, "-m", "stressvision_training", "page", str(MODEL), "--port", str(port)]
    surroundings = os.environ | {"TMPDIR": str(where), "HOME": str(where)}
    log = where / "page.log"
    with log.open("wb") as said, subprocess.Popen(command, env=surroundings, stdout=said, stderr=said) as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            assert process.poll() is None, log.read_text()[-2000:]
            if address in log.read_text():
                break
            time.sleep(0.1)
        yield Server(address, where, process)
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with _serving(tmp_path_factory.mktemp("page")) as server:
        yield server


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Iterator[Client]:
    client = Client(server.address, verbose=False, analytics_enabled=False, download_files=tmp_path / "fetched")
    yield client
    client.close()


@pytest.fixture
def portrait(tmp_path: Path) -> Path:
    path = tmp_path / "astronaut.png"
    cv2.imwrite(str(path), cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))
    return path


def _upload(address: str, picture: Path) -> Path:
    files = {"files": (picture.name, picture.read_bytes(), "image/png")}
    return Path(httpx.post(f"{address}/gradio_api/upload", files=files, timeout=30).json()[0])


def _classify(client: Client, picture: Path, *, whole: bool = False) -> tuple[str, dict[str, Any]]:
    emptied, drawn, figures = client.predict(handle_file(str(picture)), whole, api_name="/classify")
    assert emptied is None  # ready for the next picture
    return drawn, figures


def test_a_picture_is_answered_with_a_drawing_and_every_class(client: Client, portrait: Path) -> None:
    drawn, figures = _classify(client, portrait)
    assert "data:image/png;base64," in drawn
    (face,) = figures["faces"]
    assert face["label"] == "happy"
    assert tuple(face["probabilities"]) == COMPANY5
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)


def test_the_same_picture_can_be_taken_for_a_face_as_a_whole(client: Client, portrait: Path) -> None:
    _classify(client, portrait)
    _, figures = client.predict(True, api_name="/again")
    assert figures["faces"][0]["box"] == [0, 0, 512, 512]


def test_a_bad_picture_is_named_and_the_next_is_answered(client: Client, portrait: Path, tmp_path: Path) -> None:
    bad = tmp_path / "half.png"
    bad.write_bytes(portrait.read_bytes()[:50_000])
    drawn, figures = _classify(client, bad)
    assert "half.png: the picture is cut off" in drawn
    assert figures["faces"] == []
    assert _classify(client, portrait)[1]["faces"]


def test_no_picture_is_kept(server: Server, client: Client, portrait: Path) -> None:
    sent = _upload(server.address, portrait)
    assert sent.is_file()  # Gradio's doing: it waits there to be looked at
    assert RAM_DISK in sent.parents or not RAM_DISK.is_dir()
    _classify(client, portrait)
    assert not sent.parent.exists()
    places = [server.where, *RAM_DISK.glob("stressvision-page-*")]
    files = [file for place in places for file in place.rglob("*") if file.is_file()]
    part = portrait.read_bytes()[1000:1064]
    assert [file for file in files if part in file.read_bytes() or b"data:image/png" in file.read_bytes()] == []


def test_browsers_are_told_to_keep_nothing(server: Server, portrait: Path) -> None:
    sent = _upload(server.address, portrait)
    shown = httpx.get(f"{server.address}/gradio_api/file={sent}", timeout=10)
    assert shown.headers["cache-control"] == "no-store"
    settings = httpx.get(f"{server.address}/config", timeout=10).json()
    assert settings["run_history"] is False  # else each drawing goes into the browser's storage
    assert settings["analytics_enabled"] is False
    assert not any("//" in style for style in settings.get("stylesheets") or ())


def test_a_file_that_was_not_uploaded_is_left_alone(server: Server, portrait: Path) -> None:
    asked = {"data": [{"path": str(portrait), "meta": {"_type": "gradio.FileData"}}, False]}
    call = httpx.post(f"{server.address}/gradio_api/call/classify", json=asked, timeout=30)
    if call.is_success:
        answer = httpx.get(f"{server.address}/gradio_api/call/classify/{call.json()['event_id']}", timeout=30).text
        assert "event: error" in answer
    assert portrait.is_file()


def test_another_sites_name_is_refused(server: Server) -> None:
    answer = httpx.get(f"{server.address}/config", headers={"Host": "elsewhere.example"}, timeout=10)
    assert answer.status_code == 400


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_loopback_alone(server: Server) -> None:
    port = int(server.address.rsplit(":", 1)[1])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    assert {parts[1] for parts in listening if parts[3] == "0A" and parts[1].endswith(f":{port:04X}")} == {
        f"0100007F:{port:04X}"
    }


def test_the_page_says_in_both_languages_what_it_is_not(server: Server) -> None:
    text = httpx.get(f"{server.address}/config", timeout=10).text.replace("\\n", " ")
    assert "No mide lo que siente una persona" in text
    assert "not a measure of how a person feels" in text


def test_what_waits_goes_when_it_is_terminated(tmp_path: Path, portrait: Path) -> None:
    with _serving(tmp_path) as server:
        sent = _upload(server.address, portrait)
        server.process.terminate()
        server.process.wait(20)
        assert not sent.parents[1].exists()


def test_a_taken_port_is_said(server: Server, tmp_path: Path) -> None:
    port = server.address.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "stressvision_training", "page", str(MODEL), "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"port {port} of 127.0.0.1 cannot be had" in done.stderr


def test_the_folder_is_gone_afterwards() -> None:
    with private_folder() as folder:
        (folder / "face.png").write_bytes(b"x")
    assert not folder.exists()
