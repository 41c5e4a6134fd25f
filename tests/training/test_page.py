"""The page: a real server, asked over HTTP as a browser does, that keeps no picture."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import httpx
import pytest
from skimage.data import astronaut

from stressvision_training.page import RAM_DISK, private_folder

MODEL = Path(__file__).parents[2] / "models" / "stressvision" / "model_int8.tflite"

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Serve the shipped model; return the page's address and the folder in which it may keep anything."""
    where = tmp_path_factory.mktemp("page")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "stressvision_training", "page", str(MODEL), "--port", str(port)]
    quiet = {"HF_HUB_OFFLINE": "1", "TMPDIR": str(where), "HOME": str(where)}
    with subprocess.Popen(
        command, env=os.environ | quiet, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(300):
            assert process.poll() is None, process.stderr and process.stderr.read().decode()[-2000:]
            try:
                httpx.get(address, timeout=2)
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield address, where
        process.terminate()
        process.wait(20)


def _upload(address: str, picture: bytes) -> str:
    files = {"files": ("face.png", picture, "image/png")}
    return str(httpx.post(f"{address}/gradio_api/upload", files=files, timeout=30).json()[0])


def _classify(address: str, picture: bytes, *, whole: bool = False) -> list:
    asked = {"data": [{"path": _upload(address, picture), "meta": {"_type": "gradio.FileData"}}, whole]}
    call = httpx.post(f"{address}/gradio_api/call/classify", json=asked, timeout=30).json()["event_id"]
    with httpx.stream("GET", f"{address}/gradio_api/call/classify/{call}", timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith("data:") and line != "data: null":
                return list(json.loads(line.removeprefix("data:")))
    raise AssertionError("no answer")


def _portrait() -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR))[1].tobytes()


def test_a_picture_is_answered_with_a_drawing_and_every_class(server: tuple[str, Path]) -> None:
    image, figures = _classify(server[0], _portrait())
    assert "data:image/png;base64," in image
    (face,) = figures["faces"]
    assert face["label"] == "happy"
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    _, whole = _classify(server[0], _portrait(), whole=True)
    assert whole["faces"][0]["box"] == [0, 0, 512, 512]


def test_no_picture_is_kept(server: tuple[str, Path]) -> None:
    address, where = server
    sent = Path(_upload(address, _portrait()))
    assert sent.is_file()  # Gradio's doing: it waits there to be classified
    assert RAM_DISK in sent.parents
    _classify(address, _portrait())
    assert not sent.exists()
    places = [where, *RAM_DISK.glob("stressvision-page-*")]
    kept = [path for place in places for path in place.rglob("*") if path.suffix in (".png", ".webp", ".jpg")]
    assert kept == []


def test_the_page_says_in_both_languages_what_it_is_not(server: tuple[str, Path]) -> None:
    text = httpx.get(f"{server[0]}/config", timeout=10).text
    assert "No mide lo que siente una persona" in text
    assert "does not measure how a person feels" in text


def test_the_folder_is_gone_afterwards() -> None:
    with private_folder() as folder:
        (folder / "face.png").write_bytes(b"x")
    assert not folder.exists()
