"""What the true UTC was when this boot's monotonic clock read zero, learnt from the server or a set wall clock.

With it every event of the boot can be put right, also those recorded before it was learnt; without it the device
says what its wall clock says. It is kept with the spool, so that a backlog is still right after the next boot.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Literal, Protocol

import msgspec

from stressvision_agent.clock import Clock, wall_clock_is_synchronised
from stressvision_agent.metrics import CLOCK_OFFSET, CLOCK_STEPS

log = logging.getLogger(__name__)

DRIFT = 100e-6
"""Seconds per second by which an undisciplined quartz may err; Raspberry Pi boards stay below 50 ppm."""

WALL_UNCERTAINTY_S = 0.1
"""How far a wall clock that a time server has set is trusted."""

STEP_S = 2.0
"""A wall clock that moves by more than this against the monotonic clock has been set, not steered."""

WORTH_KEEPING_S = 0.1
"""A better anchor is written down only when it moves by this much: each write wears the card."""


Source = Literal["wall", "date", "server"]

TRUST: Final[dict[Source, int]] = {"wall": 0, "date": 1, "server": 2}
"""Where sources disagree, the server has the last word: shifts and rollups live on its clock. An HTTP `Date` may be
that of a proxy."""


class Anchor(msgspec.Struct, frozen=True, kw_only=True):
    """`started_at` is true UTC at monotonic zero, to within `uncertainty_s`, learnt at monotonic `learnt_s`."""

    started_at: datetime
    uncertainty_s: float
    learnt_s: float
    source: Source

    def uncertainty_at(self, now_s: float) -> float:
        return self.uncertainty_s + DRIFT * max(now_s - self.learnt_s, 0.0)


class AnchorStore(Protocol):
    """Where the anchor of the running boot is kept."""

    def anchor(self) -> Anchor | None: ...
    def keep_anchor(self, anchor: Anchor) -> None: ...


class Timeline:
    """Not thread-safe: it belongs to the sending thread."""

    def __init__(
        self,
        clock: Clock,
        store: AnchorStore,
        synchronised: Callable[[], bool] = wall_clock_is_synchronised,
    ) -> None:
        self._clock, self._store, self._synchronised = clock, store, synchronised
        self._anchor = store.anchor()
        self._kept = self._anchor
        self._wall_zero = self._wall_started_at()
        self._looked_s = clock.monotonic()

    def now(self) -> datetime:
        """UTC as right as this device knows."""
        if self._anchor is None:
            return self._clock.now()
        return self._anchor.started_at + timedelta(seconds=self._clock.monotonic())

    def offset_s(self) -> float | None:
        """By how much the wall clock runs ahead of the truth; None when the truth is not known in this boot."""
        if self._anchor is None:
            return None
        return (self._wall_started_at() - self._anchor.started_at).total_seconds()

    def wall_is_synchronised(self) -> bool:
        return self._synchronised()

    def observe_server(self, server_time: datetime, sent_s: float, received_s: float) -> None:
        """Learn from an answer in which the server said `server_time`, between the two moments."""
        self._observe("server", server_time, sent_s, received_s)

    def observe_date(self, header: str | None, sent_s: float, received_s: float) -> None:
        """Learn from an HTTP `Date`, which tells whole seconds; an unreadable one teaches nothing."""
        try:
            said = parsedate_to_datetime(header) if header else None
        except ValueError:
            said = None
        if said is not None:
            self._observe("date", said.replace(tzinfo=said.tzinfo or UTC), sent_s, received_s, resolution_s=1.0)

    def _observe(
        self, source: Source, said: datetime, sent_s: float, received_s: float, resolution_s: float = 0.0
    ) -> None:
        started_at = said + timedelta(seconds=(resolution_s - sent_s - received_s) / 2)
        uncertainty_s = (received_s - sent_s + resolution_s) / 2
        self._learn(Anchor(started_at=started_at, uncertainty_s=uncertainty_s, learnt_s=received_s, source=source))

    def look_at_wall_clock(self) -> tuple[float, float] | None:
        """Learn from the wall clock when a time server has set it; return the monotonic span in which it stepped."""
        now_s, wall_zero, since_s = self._clock.monotonic(), self._wall_started_at(), self._looked_s
        step_s = (wall_zero - self._wall_zero).total_seconds()
        self._wall_zero, self._looked_s = wall_zero, now_s
        if self._synchronised():
            self._learn(Anchor(started_at=wall_zero, uncertainty_s=WALL_UNCERTAINTY_S, learnt_s=now_s, source="wall"))
        if (offset := self.offset_s()) is not None:
            CLOCK_OFFSET.set(offset)
        if abs(step_s) <= STEP_S:
            return None
        CLOCK_STEPS.inc()
        log.warning("wall clock stepped", extra={"step_s": round(step_s, 3)})
        return since_s, now_s

    def _learn(self, fresh: Anchor) -> None:
        if self._anchor is not None and not _is_better(fresh, self._anchor):
            return
        self._anchor = fresh
        if self._kept is None or abs((fresh.started_at - self._kept.started_at).total_seconds()) > WORTH_KEEPING_S:
            self._store.keep_anchor(fresh)
            self._kept = fresh

    def _wall_started_at(self) -> datetime:
        return self._clock.now() - timedelta(seconds=self._clock.monotonic())


def _is_better(fresh: Anchor, held: Anchor) -> bool:
    """Where two anchors can both be true the sharper one wins, otherwise the one to be trusted more, or the newer."""
    held_uncertainty_s = held.uncertainty_at(fresh.learnt_s)
    apart_s = abs((fresh.started_at - held.started_at).total_seconds())
    if apart_s > fresh.uncertainty_s + held_uncertainty_s:
        return TRUST[fresh.source] >= TRUST[held.source]
    return fresh.uncertainty_s <= held_uncertainty_s
