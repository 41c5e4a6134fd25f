"""Tells the server every half minute how the device is, and does what the answer says."""

import logging
import random
from collections.abc import Callable
from importlib.metadata import version
from typing import Protocol

import msgspec

from stressvision_agent.client import Answer
from stressvision_agent.clock import Clock
from stressvision_agent.directives import Directives, PauseReason
from stressvision_agent.health import disk_free_bytes, temperature_c, throttled, uptime_s
from stressvision_agent.identity import IdentityError
from stressvision_agent.metrics import HEARTBEATS, LOOP_FAILURES, SPOOL_BYTES, SPOOL_EVENTS, SPOOL_OLDEST_AGE
from stressvision_agent.settings import Settings
from stressvision_agent.sight import Sight
from stressvision_agent.spool import Spool
from stressvision_agent.spool_status import SpoolStatus
from stressvision_agent.timeline import Timeline
from stressvision_contracts.fleet import Heartbeat, HeartbeatReply, ModelUpdate

log = logging.getLogger(__name__)

AGENT_VERSION = version("stressvision-agent")

JITTER = 0.1
"""Share by which the interval varies, so that devices started together drift apart."""


class Heartbeats(Protocol):
    """Where heartbeats go."""

    def heartbeat(self, report: Heartbeat) -> Answer: ...


class Updating(Protocol):
    """What the updating side says of itself; may be asked from any thread."""

    def report(self) -> ModelUpdate | None: ...
    def is_under_way(self) -> bool: ...


class Rotates(Protocol):
    """What gives this device a new key."""

    def step(self, *, asked: bool) -> bool: ...


class Heartbeater:
    """Not thread-safe: it belongs to the sending thread. While a new model is on its way it beats faster."""

    def __init__(
        self,
        spool: Spool,
        server: Heartbeats,
        timeline: Timeline,
        clock: Clock,
        directives: Directives,
        settings: Settings,
        sight: Callable[[], Sight] = Sight,
        updating: Updating | None = None,
        rotation: Rotates | None = None,
    ) -> None:
        self._spool, self._server, self._timeline, self._clock = spool, server, timeline, clock
        self._directives, self._settings, self._sight = directives, settings, sight
        self._updating, self._rotation = updating, rotation
        self._key_asked = False
        self._beaten_s: float | None = None
        self._stretch = 1.0
        self._reported: ModelUpdate | None = None

    def step(self) -> float:
        """Send a heartbeat when it is due; return the seconds until the next."""
        if self._left_s() <= 0:
            began_s = self._clock.monotonic()
            self.beat()
            self._rotate()
            self._beaten_s = began_s
            self._stretch = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
        return max(self._left_s(), 0.0)

    def _left_s(self) -> float:
        if self._beaten_s is None:
            return 0.0
        interval_s = self._settings.heartbeat.interval_s
        if self._is_hurried():
            interval_s = min(interval_s, self._settings.updates.heartbeat_s)
        return self._beaten_s + interval_s * self._stretch - self._clock.monotonic()

    def _is_hurried(self) -> bool:
        """Whether the server waits for news of a model, or has not heard the last."""
        return self._updating is not None and (
            self._updating.is_under_way() or self._updating.report() != self._reported
        )

    def beat(self) -> bool:
        """Send one now; True when the server answered it."""
        report = self.report()
        sent_s = self._clock.monotonic()
        answer = self._server.heartbeat(report)
        received_s = self._clock.monotonic()
        if answer.status != 200:
            HEARTBEATS.labels(outcome="failed").inc()
            log.debug("heartbeat failed", extra={"status": answer.status, "answer": answer.text})
            return False
        try:
            reply = msgspec.json.decode(answer.body, type=HeartbeatReply)
        except msgspec.DecodeError:
            HEARTBEATS.labels(outcome="unreadable").inc()
            log.exception("answer to heartbeat cannot be read")
            return False
        HEARTBEATS.labels(outcome="answered").inc()
        self._reported = report.update
        self._timeline.observe_server(reply.server_time, sent_s, received_s)
        self._key_asked = reply.rotate_key
        self._directives.obey(reply)
        return True

    def _rotate(self) -> None:
        asked, self._key_asked = self._key_asked, False
        if self._rotation is None:
            return
        try:
            self._rotation.step(asked=asked)
        except (OSError, IdentityError):
            LOOP_FAILURES.labels(loop="rotate").inc()
            log.exception("new key cannot be kept; the old one goes on")

    def report(self) -> Heartbeat:
        status, sight = self._spool.status(), self._sight()
        SPOOL_EVENTS.set(status.events)
        SPOOL_BYTES.set(status.size_bytes)
        SPOOL_OLDEST_AGE.set(status.oldest_age_s or 0.0)
        reason = self._directives.pause_reason()
        return Heartbeat(
            sent_at=self._clock.now(),
            boot_id=self._clock.boot_id(),
            agent_version=AGENT_VERSION,
            next_seq=status.next_seq,
            sent_monotonic_s=self._clock.monotonic(),
            model_version=sight.model_version,
            model_digest=sight.model_digest,
            spooled=status.events + status.set_aside + status.held,
            spool_age_s=status.oldest_age_s,
            spool_bytes=status.size_bytes,
            state=_state(reason, status, sight),
            frames_per_second=sight.frames_per_second,
            inference_p95_s=sight.inference_p95_s,
            coverage=sight.coverage,
            clock_synchronised=self._timeline.wall_is_synchronised(),
            clock_offset_s=self._timeline.offset_s(),
            temperature_c=temperature_c(),
            throttled=throttled(),
            disk_free_bytes=disk_free_bytes(self._settings.device.state_dir),
            uptime_s=uptime_s(),
            paused=reason is not None,
            update=self._updating.report() if self._updating is not None else None,
            bad_outputs=sight.bad_outputs,
        )


def _state(reason: PauseReason | None, status: SpoolStatus, sight: Sight) -> str | None:
    if reason:
        return f"paused by {reason}"
    return f"disk takes no writes, {status.held} events in memory" if status.held else sight.state
