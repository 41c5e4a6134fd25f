"""What intake stores together: the records of each kind and what was refused."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A refused event for the dead letters. `body` is what the device sent of it."""

    device_id: int
    event_id: str | None
    seq: int | None
    reason: str
    detail: str
    body: bytes
    sent_at: datetime
    boot_id: str
    sent_monotonic_s: float | None = None
    boot_started_at: datetime | None = None


@dataclass(slots=True)
class Flush:
    """What is stored together: the records of each kind, the refused, and how many events each device sent.

    `sent` maps a device to its number of events here, refused ones included, and to the highest of their `seq`
    (-1: none has one).
    """

    windows: list[bytes] = field(default_factory=list)
    episodes: list[bytes] = field(default_factory=list)
    gaps: list[bytes] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    sent: dict[int, tuple[int, int]] = field(default_factory=dict)

    def records(self) -> list[bytes]:
        """All of them, in the order in which the statement inserts."""
        return [*self.windows, *self.episodes, *self.gaps]

    def sort(self) -> None:
        """By id: two flushes that share ids then wait for each other instead of deadlocking."""
        for records in (self.windows, self.episodes, self.gaps):
            records.sort()
