"""The first alert is at the station, for the person there: a line on the console, or a program for a light or a buzzer.

It needs no network and no server. The seeing thread only leaves a note; a thread of its own does the rest, so that a
program that hangs holds up nothing. What the site's profile does not let exist is never signalled.
"""

import logging
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self, TextIO

from prometheus_client import Counter, Histogram

from stressvision_agent.drafts import AnyDraft, EpisodeDraft
from stressvision_agent.settings import LocalAlertSettings

log = logging.getLogger(__name__)

SIGNALS = Counter(
    "stressvision_agent_local_alerts_total", "Lasting tiredness, by what was done at the station", ["outcome"]
)
"""outcome: console, command, failed, timeout, cooldown, busy."""

SIGNAL_SECONDS = Histogram(
    "stressvision_agent_local_alert_seconds",
    "From the rule to the signal",
    buckets=(0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0),
)

LINE: Final = "Signos sostenidos de cansancio: haga una pausa / Sustained signs of tiredness: take a break"


class LocalAlert:
    """`notice` may be called from any thread and returns at once; `close` stops a running program."""

    def __init__(
        self,
        settings: LocalAlertSettings,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        out: TextIO | None = None,
    ) -> None:
        """Raise `ValueError` when `command` cannot be split into words."""
        self._settings, self._monotonic, self._out = settings, monotonic, out
        self._command = shlex.split(settings.command) if settings.command else []
        self._quiet_until_s = -float("inf")
        self._asked: queue.Queue[float | None] = queue.Queue(maxsize=1)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="local-alert", daemon=True)
        if settings.console or self._command:
            self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def notice(self, draft: AnyDraft | None) -> None:
        """Signal when this is the opening of a fatigue episode that the site's profile lets exist."""
        if not isinstance(draft, EpisodeDraft) or draft.phase != "open" or draft.condition != "fatigue":
            return
        now_s = self._monotonic()
        if not self._thread.is_alive():
            return
        if now_s < self._quiet_until_s:
            SIGNALS.labels(outcome="cooldown").inc()
            return
        try:
            self._asked.put_nowait(now_s)
        except queue.Full:
            SIGNALS.labels(outcome="busy").inc()
            return
        self._quiet_until_s = now_s + self._settings.cooldown_s

    def close(self) -> None:
        self._closing.set()
        with suppress(queue.Full):
            self._asked.put_nowait(None)
        if self._thread.is_alive():
            self._thread.join(timeout=2)

    def _run(self) -> None:
        while (asked_s := self._asked.get()) is not None and not self._closing.is_set():
            try:
                self._signal(asked_s)
            except Exception:  # the edge of the thread
                SIGNALS.labels(outcome="failed").inc()
                log.exception("no signal at the station")

    def _signal(self, asked_s: float) -> None:
        if self._settings.console:
            print(LINE, file=self._out or sys.stdout, flush=True)
            SIGNAL_SECONDS.observe(self._monotonic() - asked_s)
            SIGNALS.labels(outcome="console").inc()
        if self._command:
            self._run_command(asked_s)

    def _run_command(self, asked_s: float) -> None:
        """Its words are the settings' alone: nothing that was seen reaches it."""
        try:
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            SIGNALS.labels(outcome="failed").inc()
            log.warning("the program for the signal does not start", extra={"error": error.strerror})
            return
        SIGNAL_SECONDS.observe(self._monotonic() - asked_s)
        outcome = self._await(process)
        SIGNALS.labels(outcome=outcome).inc()
        if outcome != "command":
            log.warning("the program for the signal did not end well", extra={"status": process.returncode})

    def _await(self, process: "subprocess.Popen[bytes]") -> str:
        until_s = time.monotonic() + self._settings.timeout_s
        while time.monotonic() < until_s and not self._closing.is_set():
            with suppress(subprocess.TimeoutExpired):
                return "command" if process.wait(0.1) == 0 else "failed"
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return "timeout"
