"""Sends what the spool holds, at least once, and says what each answer of the server means."""

import logging
from dataclasses import replace
from typing import Literal, Protocol

import msgspec

from stressvision_agent.backoff import Backoff
from stressvision_agent.client import Answer
from stressvision_agent.clock import Clock
from stressvision_agent.metrics import REJECTED, RETRIES, SETTLED, UPLOAD_SECONDS, UPLOADS
from stressvision_agent.settings import UploadSettings
from stressvision_agent.spool import Spool
from stressvision_agent.spool_rows import Batch
from stressvision_agent.timeline import Timeline
from stressvision_contracts.events import BatchReceipt, RejectReason

log = logging.getLogger(__name__)

REFUSED = frozenset({400, 413, 422})
"""The batch itself is wrong: sending it again as it is cannot help."""

IDLE_S = 60.0
"""Nothing waits: look again so late, or when something is spooled."""

LONGEST_STEP_S = 30.0
"""Halving over a slow line goes on in the next step after so long: heartbeats are due in between."""

REFUSED_IN_A_ROW = 10
"""So many events set aside without one taken in between: then it is more likely the way there that is broken."""

REASONS = frozenset(RejectReason.__args__)  # type: ignore[attr-defined]

Outcome = Literal["taken", "again", "stop"]


class Events(Protocol):
    """Where batches go."""

    def post_events(self, body: bytes) -> Answer: ...


class Uploader:
    """Not thread-safe. `step` sends at most one live and one backlog batch and never sleeps."""

    def __init__(
        self, spool: Spool, events: Events, timeline: Timeline, clock: Clock, settings: UploadSettings
    ) -> None:
        self._spool, self._events, self._timeline, self._clock = spool, events, timeline, clock
        self._settings = settings
        self._backoff = Backoff(settings.backoff_first_s, settings.backoff_last_s)
        self._not_before_s = 0.0
        self._backlog_from_s = 0.0
        self._refused_in_a_row = 0
        self.revoked = False

    def step(self) -> float:
        """Send what is due; return the seconds after which to call again."""
        now_s = self._clock.monotonic()
        if now_s < self._not_before_s:
            return self._not_before_s - now_s
        limits = self._settings.max_events, self._settings.max_bytes
        with self._spool.offer(*limits, "live") as live:
            if live and not self._deliver(live):
                return self._wait_s()
        now_s = self._clock.monotonic()
        if now_s < self._backlog_from_s:
            return self._backlog_from_s - now_s
        with self._spool.offer(*limits, "backlog") as backlog:
            if backlog is None:
                return 0.0 if live else IDLE_S
            if not self._deliver(backlog):
                return self._wait_s()
        self._backlog_from_s = self._clock.monotonic() + len(backlog.events) / self._settings.backlog_per_s
        return 0.0

    def _wait_s(self) -> float:
        return max(self._not_before_s - self._clock.monotonic(), 0.0)

    def _deliver(self, batch: Batch) -> bool:
        """Send `batch`, halving what the server refuses as a whole; False when the rest must wait."""
        parts, left, until_s = [batch], len(batch.events), self._clock.monotonic() + LONGEST_STEP_S
        while parts:
            # not before something is off our hands: the next step begins with the whole batch again
            if left < len(batch.events) and self._clock.monotonic() > until_s:
                return False
            part = parts.pop()
            answer = self._post(part)
            if answer.status == 202:
                if not self._settle(part, answer):
                    return False
                left -= len(part.events)
            elif answer.status in REFUSED:
                UPLOADS.labels(outcome="refused").inc()
                if len(part.events) > 1:
                    parts += reversed(halves(part))
                elif self._set_aside(part, answer):
                    left -= 1
                else:
                    return False
            else:
                self._fail(answer)
                return False
        return True

    def _post(self, batch: Batch) -> Answer:
        body = self._encode(batch)
        before_s = self._clock.monotonic()
        answer = self._events.post_events(body)
        UPLOAD_SECONDS.observe(self._clock.monotonic() - before_s)
        return answer

    def _encode(self, batch: Batch) -> bytes:
        anchor = self._spool.anchor() if batch.current else batch.anchor
        return msgspec.json.encode(
            {
                "sent_at": self._clock.now(),
                "boot_id": batch.boot_id,
                "sent_monotonic_s": round(self._clock.monotonic(), 6) if batch.current else None,
                "boot_started_at": anchor.started_at if anchor else None,
                "events": [msgspec.Raw(event.body) for event in batch.events],
            }
        )

    def _settle(self, batch: Batch, answer: Answer) -> bool:
        """Forget the events of a receipt that speaks for each of them; anything else is no receipt."""
        try:
            receipt = msgspec.json.decode(answer.body, type=BatchReceipt)
        except msgspec.DecodeError:
            return self._distrust("receipt cannot be read", answer)
        if receipt.stored + receipt.duplicate + len(receipt.rejected) != len(batch.events):
            return self._distrust("receipt does not add up", answer)
        if not self._spool.ack([event.seq for event in batch.events]):
            return self._distrust("spool takes no receipt", answer)
        UPLOADS.labels(outcome="taken").inc()
        SETTLED.labels(verdict="stored").inc(receipt.stored)
        SETTLED.labels(verdict="duplicate").inc(receipt.duplicate)
        SETTLED.labels(verdict="rejected").inc(len(receipt.rejected))
        for rejection in receipt.rejected:
            REJECTED.labels(reason=rejection.reason if rejection.reason in REASONS else "other").inc()
            log.warning("event rejected", extra={"reason": rejection.reason, "detail": rejection.detail})
        if self._backoff.failures:
            log.info("the server takes events again", extra={"failures": self._backoff.failures})
        self._backoff.succeeded()
        self._refused_in_a_row = 0
        self.revoked = False
        return True

    def _distrust(self, problem: str, answer: Answer) -> bool:
        log.error(problem, extra={"answer": answer.text})
        UPLOADS.labels(outcome="distrusted").inc()
        self._hold_off(self._backoff.next_s())
        return False

    def _set_aside(self, batch: Batch, answer: Answer) -> bool:
        event = batch.events[0]
        log.error("event set aside", extra={"seq": event.seq, "status": answer.status, "answer": answer.text})
        if not self._spool.set_aside(event.seq, f"{answer.status} {answer.text}"):
            return self._distrust("spool cannot set aside", answer)
        self._refused_in_a_row += 1
        if self._refused_in_a_row < REFUSED_IN_A_ROW:
            return True
        # from then on one at a time: what is set aside is kept up to a number, what waits is not
        self._hold_off(self._settings.revoked_retry_s)
        return False

    def _fail(self, answer: Answer) -> None:
        if answer.status == 403:
            if not self.revoked:
                log.error("the server refuses this device; spooling goes on", extra={"answer": answer.text})
            self.revoked = True
            UPLOADS.labels(outcome="revoked").inc()
            self._hold_off(self._settings.revoked_retry_s)
            return
        outcome = {0: "unreachable", 401: "unauthorised", 429: "busy", 503: "busy"}.get(answer.status, "failed")
        UPLOADS.labels(outcome=outcome).inc()
        wait_s = self._backoff.next_s(answer.retry_after_s)
        if self._backoff.failures == 1:
            log.warning("the server takes no events; they wait", extra={"status": answer.status, "answer": answer.text})
        self._hold_off(wait_s)

    def _hold_off(self, wait_s: float) -> None:
        RETRIES.inc()
        self._not_before_s = self._clock.monotonic() + wait_s


def halves(batch: Batch) -> list[Batch]:
    """Both halves of a batch of at least two."""
    middle = len(batch.events) // 2
    first, second = batch.events[:middle], batch.events[middle:]
    return [replace(batch, events=part) for part in (first, second)]
