"""Collects what a device gets: our wheels, the hashed requirements, an installer, the model, the unit, the manual."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from deployment.layout import ANSIBLE, PAYLOAD, REQUIREMENTS, ROOT, DeploymentError

PACKAGES = ("libs/contracts", "libs/telemetry", "libs/vision", "services/agent")
UNIT = ROOT / "infra" / "systemd" / "stressvision-agent.service"
MODEL = ROOT / "models" / "stressvision"


def build() -> None:
    """Make the payload anew from this checkout; raise `DeploymentError` when a package cannot be built."""
    shutil.rmtree(PAYLOAD, ignore_errors=True)
    release = PAYLOAD / "release"
    release.mkdir(parents=True)
    _pip("wheel", "--no-deps", "--no-build-isolation", "-w", release / "ours", *(ROOT / path for path in PACKAGES))
    _pip("download", "--no-deps", "--require-hashes", "-r", REQUIREMENTS / "pip.txt", "-d", release)
    (fetched,) = release.glob("pip-*.whl")
    fetched.rename(release / "pip.whl")
    shutil.copy(REQUIREMENTS / "agent.txt", release)
    shutil.copy(ANSIBLE / "check_settings.py", release)
    shutil.copytree(MODEL, release / "model")
    shutil.copy(UNIT, PAYLOAD)
    # beside the release: another word in the manual is no reason to restart a fleet
    shutil.copy(ROOT / "docs" / "devices.md", PAYLOAD)


def digest() -> str:
    """Twelve hex digits that differ whenever a file of the release does: the same sources give the same release."""
    release, seen = PAYLOAD / "release", hashlib.sha256()
    for path in sorted(path for path in release.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        seen.update(f"{path.relative_to(release)} {content}\n".encode())
    return seen.hexdigest()[:12]


def _pip(command: str, *words: str | Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DeploymentError(f"`pip {command}` failed:\n{(done.stdout + done.stderr)[-3000:]}")
