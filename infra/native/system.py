"""System packages: what a bare Debian or Ubuntu lacks, installed so that nothing starts by itself."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")
"""While it answers 101, Debian's installers start no service (invoke-rc.d's documented contract)."""

CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.conf")


SERVERS = {
    "postgresql": "postgres",
    "redis-server": "redis-server",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
}
"""System packages, and the program that shows that one is there."""


def can_install() -> bool:
    """Whether system packages may be installed here: as root, where there is apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def ensure_servers(say: Callable[[str], None]) -> None:
    """As root with apt: the system's own servers. Everyone else runs those that Python packages carry."""
    missing = [package for package, program in SERVERS.items() if not _has(program)]
    if not missing or not can_install():
        return
    say(f"  installing system packages: {' '.join(missing)}")
    try:
        install_packages(missing)
    except RuntimeError as error:
        say(f"  {error}\n  going on with the servers that Python packages carry")


def _has(program: str) -> bool:
    return shutil.which(program) is not None or any(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))


def install_packages(names: list[str]) -> None:
    """Install with apt and start nothing; raise `CalledProcessError` with apt's output if it cannot."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    made = _forbid_starting()
    try:
        _run(["apt-get", "update", "-q"], environment)
        _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *names], environment)
    finally:
        if made:
            POLICY.unlink()


def _forbid_starting() -> bool:
    """Put the policy in place for the time of the installation; whether it is ours to remove."""
    if not CLUSTER_SETTINGS.exists():
        CLUSTER_SETTINGS.parent.mkdir(parents=True, exist_ok=True)
        CLUSTER_SETTINGS.write_text("create_main_cluster = false\n")
    if POLICY.exists():
        return False
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    return True


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"`{' '.join(command)}` failed ({done.returncode}):\n{done.stdout[-3000:]}")
