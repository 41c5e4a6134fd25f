"""Put right the times of a device whose clock was wrong: by the boot's monotonic clock where it can be, pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from stressvision_contracts.events import BatchEnvelope

TOLERANCE_MS: Final = 2_000
"""Corrections below it are left out, so that a healthy clock keeps its stamps whatever the network's delay."""

_SECOND_US: Final = 1_000_000


def to_us(time: datetime) -> int:
    """Microseconds since 1970; exact to the microsecond from there until the year 2100."""
    return round(time.timestamp() * 1e6)


def now_us() -> int:
    return to_us(datetime.now(UTC))


@dataclass(frozen=True, slots=True)
class Correction:
    """How the events of one batch are put right.

    `boot_us` is when the monotonic clock of their boot read zero, as true time, where that is known or follows from
    the reading at sending. `behind_us` is what the device's UTC lacked when it sent: all there is for other events.
    """

    boot_us: int | None
    behind_us: int

    def shift_ms(self, ended_us: int, monotonic_s: float | None) -> int:
        """What to add to the times of an event that ended at `ended_us` by the device's clock."""
        if self.boot_us is not None and monotonic_s is not None:
            shift_us = self.boot_us + round(monotonic_s * _SECOND_US) - ended_us
        else:
            shift_us = self.behind_us
        shift_ms = round(shift_us / 1000)
        return shift_ms if abs(shift_ms) >= TOLERANCE_MS else 0


def correction(batch: BatchEnvelope, received_us: int) -> Correction:
    """For a batch whose first byte came at `received_us`.

    What the device has learnt of its boot outranks what we see, because it also holds for a boot that is over.
    """
    behind_us = received_us - to_us(batch.sent_at)
    if batch.boot_started_at is not None:
        return Correction(to_us(batch.boot_started_at), behind_us)
    if batch.sent_monotonic_s is not None:
        return Correction(received_us - round(batch.sent_monotonic_s * _SECOND_US), behind_us)
    return Correction(None, behind_us)
