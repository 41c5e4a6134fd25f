"""Ansible in an environment of its own, as requirements/deploy.txt pins it."""

import hashlib
import platform
import subprocess
import sys
from pathlib import Path

from deployment.layout import (
    OPERATOR,
    OPERATOR_WHEELS,
    PAYLOAD,
    REQUIREMENTS,
    DeploymentError,
    is_bundle,
    this_platform,
)

STAMP = OPERATOR / "stressvision.txt"


def ensure() -> Path:
    """Make or renew the environment where it is not as pinned; return its folder of programs."""
    pins = REQUIREMENTS / "deploy.txt"
    wanted = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    if not (STAMP.exists() and STAMP.read_text() == wanted):
        print("  making .venv-deploy as requirements/deploy.txt says", flush=True)
        _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(OPERATOR))
        _run(*_installer(), "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", str(pins))
        STAMP.write_text(wanted)
    return OPERATOR / "bin"


def _installer() -> list[str]:
    python = str(OPERATOR / "bin" / "python")
    if not is_bundle():
        return [sys.executable, "-m", "pip", "--python", python, "install"]
    folder = OPERATOR_WHEELS / this_platform(platform.machine())
    if not folder.is_dir():
        known = ", ".join(sorted(path.name for path in OPERATOR_WHEELS.iterdir()))
        raise DeploymentError(f"the bundle has no Ansible for {folder.name} (it has {known}): use another Python")
    pip = PAYLOAD / "release" / "pip.whl" / "pip"
    return [python, str(pip), "install", "--no-index", "--find-links", str(folder)]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DeploymentError(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-3000:]}")
