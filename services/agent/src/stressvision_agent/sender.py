"""The sending thread: heartbeat, spool, wall clock, in turn, until it is told to stop."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from stressvision_agent.clock import Clock
from stressvision_agent.drafts import GapDraft
from stressvision_agent.heartbeat import Heartbeater
from stressvision_agent.metrics import LOOP_FAILURES
from stressvision_agent.spool import Spool
from stressvision_agent.stamp import NO_MODEL
from stressvision_agent.timeline import Timeline
from stressvision_agent.uploader import Uploader

log = logging.getLogger(__name__)

LONGEST_WAIT_S = 5.0
"""So often the thread shows that it lives, whatever there is to do."""

AFTER_FAILURE_S = 5.0


@dataclass(slots=True)
class Sender:
    """`moved_s` is when the thread last finished a part of a turn, for the watchdog."""

    spool: Spool
    uploader: Uploader
    heartbeater: Heartbeater
    timeline: Timeline
    clock: Clock
    moved_s: float = 0.0

    def run(self, stop: threading.Event) -> None:
        """Work until `stop`; set `spool.appended` after it to wake the thread at once."""
        while not stop.is_set():
            self.spool.appended.clear()
            wait_s = self.turn()
            if not stop.is_set():
                self.spool.appended.wait(min(wait_s, LONGEST_WAIT_S))

    def turn(self) -> float:
        """Do what is due, each part whatever became of the others; return the seconds until something is."""
        parts = (self._look_at_wall_clock, self._flush, self.heartbeater.step, self.uploader.step)
        return min(self._attempt(part) for part in parts)

    def _attempt(self, part: Callable[[], float]) -> float:
        try:
            wait_s = part()
        except Exception:  # the edge of the thread
            LOOP_FAILURES.labels(loop="send").inc()
            log.exception("sending failed")
            wait_s = AFTER_FAILURE_S
        self.moved_s = self.clock.monotonic()
        return wait_s

    def _look_at_wall_clock(self) -> float:
        stepped = self.timeline.look_at_wall_clock()
        if stepped is not None:
            self.spool.append(
                GapDraft(started_s=stepped[0], ended_s=stepped[1], model_version=NO_MODEL, reason="clock")
            )
        return LONGEST_WAIT_S

    def _flush(self) -> float:
        self.spool.flush()
        return LONGEST_WAIT_S

    def drain(self, within_s: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Send what waits, beginning nothing new after `within_s`."""
        until_s = self.clock.monotonic() + within_s
        while self.spool.status().events:
            wait_s = self._attempt(self.uploader.step)
            if wait_s >= until_s - self.clock.monotonic():
                break
            if wait_s:
                sleep(wait_s)
