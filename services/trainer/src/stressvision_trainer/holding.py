"""A job while this trainer holds it: the lease is renewed from a thread, and why to stop is known within seconds."""

import logging
import threading
from typing import Any, Final, Self

from stressvision_trainer import metrics
from stressvision_trainer.control import Claim, Control
from stressvision_trainer.errors import AskedToStopError, CancelledError, ControlError, LostError, StopError

MOST_WAITING: Final = 2000
"""Lines of the log that wait while the control API is away; older ones are dropped and counted."""
MOST_AT_ONCE: Final = 500
LONGEST_LINE: Final = 4000
"""Characters. The control API refuses a longer one, and with it the heartbeat that carries it."""

_log = logging.getLogger(__name__)


class Held:
    """Use it as a context. `stop`: set when this process is to end."""

    def __init__(self, control: Control, claim: Claim, *, heartbeat_s: float, stop: threading.Event) -> None:
        self.claim = claim
        self._control, self._stop = control, stop
        self._heartbeat_s = min(heartbeat_s, claim.lease_s / 4)
        self._why: StopError | None = None
        self._lines: list[str] = []
        self._guard = threading.Lock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def check(self) -> None:
        """Raise why to stop, if there is a reason."""
        if self._why is not None:
            raise self._why
        if self._stop.is_set():
            raise AskedToStopError

    def wait(self, seconds: float) -> None:
        """Sleep, unless there is a reason to stop."""
        self.check()
        self._stop.wait(seconds)
        self.check()

    def say(self, line: str) -> None:
        """Add to the job's log; sent with the next heartbeat."""
        with self._guard:
            self._lines.append(line[:LONGEST_LINE])
            if len(self._lines) > MOST_WAITING:
                self._lines.pop(0)
                metrics.LINES_DROPPED.inc()
        _log.info(line, extra={"job": self.claim.id})

    def report(self, **said: Any) -> None:
        """Tell of a stage or an epoch now, patiently."""
        self.check()
        lines = self._taken()
        try:
            state = self._control.progress(self.claim, patient=True, lines=lines, **said)
        except ControlError as error:
            self._put_back(lines)
            self._refused(error)
            self.check()
            raise
        self._heard(state)
        self.check()

    def mention(self, **said: Any) -> None:
        """Tell of an epoch if the service can be reached now; work does not wait for it."""
        self._tell(**said)
        self.check()

    def flush(self) -> None:
        """Send what lines are left, if that can be done at once."""
        if self._lines and self._why is None:
            self._tell()

    def _beat(self) -> None:
        while not self._over.wait(self._heartbeat_s):
            if not isinstance(self._why, LostError):
                self._tell()

    def _tell(self, **said: Any) -> None:
        lines = self._taken()
        try:
            self._heard(self._control.progress(self.claim, lines=lines, **said))
        except ControlError as error:
            self._put_back(lines)
            self._refused(error)

    def _put_back(self, lines: list[str]) -> None:
        with self._guard:
            self._lines[:0] = lines

    def _taken(self) -> list[str]:
        with self._guard:
            lines, self._lines = self._lines[:MOST_AT_ONCE], self._lines[MOST_AT_ONCE:]
        return lines

    def _heard(self, state: str) -> None:
        metrics.HEARTBEATS.labels(outcome="heard").inc()
        if state == "cancelling" and self._why is None:
            self._why = CancelledError()

    def _refused(self, error: ControlError) -> None:
        """A stale fence is final. While the service is away only the lease runs on, and the next one will tell."""
        if error.field == "fence" or error.status == 404:
            metrics.HEARTBEATS.labels(outcome="stale").inc()
            self._why = LostError(str(error))
        else:
            metrics.HEARTBEATS.labels(outcome="unheard").inc()
            _log.warning("progress was not heard", extra={"job": self.claim.id, "why": str(error)})
