"""The environment that `make` builds: uv takes packages from where the user's settings of pip say."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from native.environment import PYTHON
from native.installer import uv_settings

NAME = "stressvision_probe"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith(("PIP_", "UV_")) or name in ("SSL_CERT_FILE", "ALL_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[str]:
    """A package index of one wheel, as a company has it."""
    folder = tmp_path / "simple" / NAME.replace("_", "-")
    folder.mkdir(parents=True)
    wheel = _make_wheel(folder)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    (folder / "index.html").write_text(f'<a href="{wheel.name}#sha256={digest}">{wheel.name}</a>')
    (tmp_path / "probe.txt").write_text(f"{NAME}==1.0 --hash=sha256:{digest}\n")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/simple"
    server.shutdown()
    server.server_close()


def _make_wheel(folder: Path) -> Path:
    wheel = folder / f"{NAME}-1.0-py3-none-any.whl"
    about = f"{NAME}-1.0.dist-info"
    files = {
        f"{NAME}.py": "",
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        f"{about}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        record = f"{about}/RECORD,,\n"
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            record += f"{name},sha256={digest},{len(text)}\n"
        archive.writestr(f"{about}/RECORD", record)
    return wheel


def _install(tmp_path: Path) -> "subprocess.CompletedProcess[str]":
    uv = [
        str(PYTHON.with_name("uv")),
        "pip",
        "install",
        "--python",
        sys.executable,
        "--target",
        str(tmp_path / "target"),
    ]
    environment = {"PATH": os.environ["PATH"], "UV_CACHE_DIR": str(tmp_path / "cache")} | uv_settings()
    words = [*uv, "--require-hashes", "-r", str(tmp_path / "probe.txt")]
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("setting", ["index-url", "extra-index-url"])
def test_packages_come_from_the_index_that_pip_is_told_of(tmp_path: Path, mirror: str, setting: str) -> None:
    nowhere = "index-url = http://127.0.0.1:9/simple\n" if setting != "index-url" else ""
    (tmp_path / "pip.conf").write_text(f"[global]\n{nowhere}{setting} = {mirror}\nfind-links = {tmp_path}/none\n")
    done = _install(tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / f"{NAME}.py").is_file()


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path, mirror: str) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\nindex-url = {mirror}\n")
    (tmp_path / "probe.txt").write_text(f"{NAME}==1.0 --hash=sha256:{'0' * 64}\n")
    done = _install(tmp_path)
    assert done.returncode != 0
    assert "hash mismatch" in done.stderr.lower()
    assert not (tmp_path / "target" / f"{NAME}.py").exists()


def test_a_folder_of_wheels_is_looked_into(tmp_path: Path, mirror: str) -> None:
    wheels = tmp_path / "wheels"
    shutil.copytree(tmp_path / "simple" / NAME.replace("_", "-"), wheels)
    (tmp_path / "pip.conf").write_text(
        f"[install]\nindex-url = {mirror}/empty\nfind-links =\n    {tmp_path}/none\n    {wheels}\n"
    )
    assert _install(tmp_path).returncode == 0


def test_what_uv_itself_is_told_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://pip.example/simple")
    monkeypatch.setenv("PIP_TIMEOUT", "180")
    told = uv_settings()
    assert (told["UV_DEFAULT_INDEX"], told["UV_HTTP_TIMEOUT"]) == ("https://pip.example/simple", "180")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://uv.example/simple")
    assert uv_settings() == {name: value for name, value in told.items() if name != "UV_DEFAULT_INDEX"}
