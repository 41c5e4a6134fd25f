"""The two clocks of a device: one that only grows, and one that people read and that may be wrong."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """`monotonic()` in seconds since boot, never stepping; `now()` in UTC, as right as the device knows."""

    def monotonic(self) -> float: ...
    def now(self) -> datetime: ...
    def boot_id(self) -> str: ...


class SystemClock:
    """The kernel's clocks. CLOCK_BOOTTIME goes on through suspend; it is the same for every process of a boot."""

    def monotonic(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def boot_id(self) -> str:
        return BOOT_ID_FILE.read_text().strip()
