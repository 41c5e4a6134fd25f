"""A whole platform for end-to-end tests: the native stack on free ports, or the one that runs already."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from native.dotenv import read_dotenv, write_dotenv
from native.layout import ROOT, Layout
from support.servers import free_port

DESIGN_PORTS = ("5433", "6380", "8000", "8001", "8002", "8003", "9090", "3000")


def write_settings(path: Path) -> None:
    """A `.env` with fresh secrets and every port a free one."""
    write_dotenv(path, ROOT / ".env.example")
    text = path.read_text()
    for port in DESIGN_PORTS:
        text = re.sub(rf"(?<=[:=]){port}\b", str(free_port()), text)
    text = text.replace("# STRESSVISION_ALERTMANAGER_PORT=9093", f"STRESSVISION_ALERTMANAGER_PORT={free_port()}")
    path.write_text(text)


def run_stack(layout: Layout, verb: str, *options: str) -> subprocess.CompletedProcess[str]:
    """`python -m native VERB` on this layout, as the Makefile runs it."""
    command = [
        sys.executable,
        "-m",
        "native",
        "--folder",
        str(layout.folder),
        "--env",
        str(layout.dotenv),
        verb,
        *options,
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "infra")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300, cwd=ROOT)


@pytest.fixture(scope="session")
def native_stack() -> Iterator[Layout]:
    """A native stack of its own, up and healthy; afterwards down and gone."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-stack-"))
    folder.chmod(0o755)
    write_settings(folder / ".env")
    layout = Layout(folder / ".stack", folder / ".env")
    try:
        done = run_stack(layout, "up")
        assert done.returncode == 0, done.stdout + done.stderr
        yield layout
    finally:
        done = run_stack(layout, "down", "--purge")
        shutil.rmtree(folder, ignore_errors=True)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
def stack_settings(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings of a running platform: of the `.env` that STRESSVISION_E2E names, else of a stack made for this."""
    named = os.environ.get("STRESSVISION_E2E")
    if named:
        return read_dotenv(Path(named))
    layout: Layout = request.getfixturevalue("native_stack")
    return layout.settings
