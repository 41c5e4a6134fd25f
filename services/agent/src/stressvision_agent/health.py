"""How the board is: heat, throttling, disk, uptime; and the word to systemd that the agent still moves."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

THERMAL_FILE = Path("/sys/class/thermal/thermal_zone0/temp")
UNIT = "stressvision-agent.service"
THROTTLED_NOW = 0b1111
"""The low bits of `vcgencmd get_throttled`: under-voltage, frequency capped, throttled, soft temperature limit."""


def temperature_c(file: Path = THERMAL_FILE) -> float | None:
    try:
        return int(file.read_text()) / 1000
    except (OSError, ValueError):
        return None


def throttled() -> bool | None:
    """Whether the board slows itself down right now; None where there is no `vcgencmd`."""
    program = shutil.which("vcgencmd")
    if program is None:
        return None
    try:
        said = subprocess.run([program, "get_throttled"], capture_output=True, text=True, timeout=5, check=True).stdout
        return bool(int(said.partition("=")[2], 16) & THROTTLED_NOW)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def disk_free_bytes(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def uptime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def hardware(file: Path = Path("/proc/device-tree/model")) -> str:
    """The board's own name, else the processor architecture."""
    try:
        return file.read_text().rstrip("\0\n")[:200]
    except OSError:
        return os.uname().machine


def notify(state: str) -> bool:
    """Tell systemd `state` (sd_notify(3)); False when no one listens."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto(state.encode(), address)
        except OSError:
            return False
    return True


def running_status(unit: str = UNIT) -> str | None:
    """What the agent that systemd runs last said of itself by STATUS=; None where it does not run."""
    try:
        said = subprocess.run(
            ["systemctl", "show", "--property=ActiveState,StatusText", unit],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    shown = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    return shown.get("StatusText", "") if shown.get("ActiveState") == "active" else None


def watchdog_interval_s() -> float | None:
    """How often systemd wants to hear from us: half of WATCHDOG_USEC, as sd_watchdog_enabled(3) advises."""
    text = os.environ.get("WATCHDOG_USEC", "")
    return int(text) / 2e6 if text.isdigit() else None
