"""Where things lie in a checkout, and the same in an unpacked bundle."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ANSIBLE = ROOT / "infra" / "ansible"
REQUIREMENTS = ROOT / "requirements"
PAYLOAD = ROOT / "dist" / "agent"
"""What devices get: `release/` for all, `wheels/PLATFORM/` in a bundle."""

OPERATOR_WHEELS = ROOT / "dist" / "operator"
"""In a bundle: what the operator's own machine needs, by platform."""

OPERATOR = ROOT / ".venv-deploy"
"""The operator's environment, apart from all others."""

PLATFORMS = tuple(f"cp{python}-{machine}" for python in ("311", "313") for machine in ("aarch64", "x86_64"))
"""Raspberry Pi OS and Debian: Bookworm has Python 3.11, Trixie 3.13."""


class DeploymentError(Exception):
    """Something that the operator can mend; the message says what to do."""


def is_bundle() -> bool:
    return OPERATOR_WHEELS.is_dir()


def this_platform(machine: str) -> str:
    return f"cp{sys.version_info.major}{sys.version_info.minor}-{machine}"
