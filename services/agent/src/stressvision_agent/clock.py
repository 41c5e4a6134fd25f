"""The two clocks of a device: one that only grows, and one that people read and that may be wrong."""

import ctypes
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")
TIMESYNC_FILE = Path("/run/systemd/timesync/synchronized")

_STA_UNSYNC = 0x0040  # linux/timex.h
_TIME_ERROR = 5


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


class _Timex(ctypes.Structure):
    """The head of the kernel's `struct timex`; what follows is not read here."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def wall_clock_is_synchronised() -> bool:
    """Whether the kernel or systemd-timesyncd says that a time server has set the wall clock."""
    if TIMESYNC_FILE.exists():
        return True
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return False
    timex = _Timex()  # modes 0 only reads
    state = int(adjtimex(ctypes.byref(timex)))
    return 0 <= state < _TIME_ERROR and not timex.status & _STA_UNSYNC
