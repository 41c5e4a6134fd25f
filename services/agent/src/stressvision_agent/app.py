"""One running agent: build its objects, start the threads that see, send and update, stop them cleanly."""

import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Protocol

from stressvision_agent.classify import FaceClassifier
from stressvision_agent.client import DeviceClient, open_http
from stressvision_agent.clock import Clock, SystemClock
from stressvision_agent.directives import Directives
from stressvision_agent.drafts import AnyDraft
from stressvision_agent.health import notify, watchdog_interval_s
from stressvision_agent.heartbeat import AGENT_VERSION, Heartbeater
from stressvision_agent.local_alert import LocalAlert
from stressvision_agent.metrics import LOOP_FAILURES
from stressvision_agent.off_line import open_off_line
from stressvision_agent.rotation import KeptIdentity, Rotation
from stressvision_agent.sender import Sender
from stressvision_agent.settings import Settings
from stressvision_agent.sight import Sight
from stressvision_agent.spool import Spool
from stressvision_agent.spool_file import may_pass
from stressvision_agent.timeline import Timeline
from stressvision_agent.updates.assembly import open_updater
from stressvision_agent.uploader import Uploader
from stressvision_telemetry.metrics import expose, set_build_info

log = logging.getLogger(__name__)

FIRST_ANSWER_S = 10.0
"""How long seeing waits at the first start for the server to say what may be seen."""

STUCK_S = 120.0
"""A thread that has not moved for so long is stuck: systemd is left to restart the agent."""

DISK_RETRY_S = 5.0
"""At a start on a disk that is full or read-only the spool is tried again so often."""

STOP_SEEING_S = 10.0
STOP_UPDATING_S = 2.0
STOP_SENDING_S = 10.0
DRAIN_AT_STOP_S = 3.0
DRAIN_AT_END_S = 60.0
"""A recording that has come to its end is sent whole before the agent leaves; a stop does not wait so long."""


class Seeing(Protocol):
    """The seeing side. `run` returns when `stop` is set or the source has ended, with everything recorded."""

    def run(self, stop: threading.Event) -> None: ...
    def moved_s(self) -> float: ...
    def sight(self) -> Sight: ...
    def adopt(self, classifier: FaceClassifier) -> None: ...


BuildSeeing = Callable[[Clock, Directives, Callable[[AnyDraft], None], Callable[[], FaceClassifier]], Seeing]
"""From the clock, what may be seen, where drafts go, and what gives the model to begin with."""


class Agent:
    """`run` once. `stop` may be set from a signal handler; `failure` is what ended seeing before its time."""

    def __init__(self, settings: Settings, build_seeing: BuildSeeing, clock: Clock | None = None) -> None:
        """Raise `IdentityError`, `SpoolBusyError`, or what `build_seeing` raises."""
        clock = clock or SystemClock()
        identity = KeptIdentity(settings.key_file, settings.enrolled_file)
        self.stop = threading.Event()
        self.failure: Exception | None = None
        self._ended = threading.Event()
        self._drain_s = DRAIN_AT_END_S
        self._clock = clock
        self._resources = ExitStack()
        with ExitStack() as resources:
            self.spool = _open_spool(settings, clock)
            resources.callback(self.spool.close)
            self._local_alert = resources.enter_context(LocalAlert(settings.local_alert))
            http = resources.enter_context(open_http(settings.server))
            timeline = Timeline(clock, self.spool)
            client = DeviceClient(http, identity, timeline, clock, compression=settings.upload.compression)
            off_line = open_off_line(settings.device)
            if off_line is not None:
                resources.callback(off_line.release)
            self._directives = Directives(settings.directives_file, settings.off_switch, off_line)
            uploader = Uploader(self.spool, client, timeline, clock, settings.upload)
            self._updater = open_updater(
                settings, identity, timeline, clock, self._directives, self.spool.appended.set, resources
            )
            self._seeing = build_seeing(clock, self._directives, self.record, self._updater.first_model)
            rotation = Rotation(identity, client, timeline.now)
            heartbeater = Heartbeater(
                self.spool, client, timeline, clock, self._directives, settings,
                self._seeing.sight, self._updater, rotation,
            )  # fmt: skip
            self._sender = Sender(self.spool, uploader, heartbeater, timeline, clock)
            if settings.metrics.port:
                resources.callback(expose(settings.metrics.port))
            self._resources = resources.pop_all()
        set_build_info("agent", AGENT_VERSION)

    def record(self, draft: AnyDraft) -> None:
        """Spool what the site's profile lets exist of `draft`; an error here never stops seeing."""
        try:
            admitted = self._directives.admit(draft)
            self._local_alert.notice(admitted)
            if admitted is not None:
                self.spool.append(admitted)
        except Exception:  # the edge between the threads
            LOOP_FAILURES.labels(loop="record").inc()
            log.exception("event not spooled")

    def run(self) -> int:
        """See and send until `stop` or the end of the source; return how many events are left in the spool."""
        # daemons: a driver or a server that holds one of them up cannot keep the process
        sender = threading.Thread(target=self._send, name="send", daemon=True)
        seer = threading.Thread(target=self._see, name="see", daemon=True)
        updater = threading.Thread(target=self._update, name="update", daemon=True)
        with self._resources:
            sender.start()
            self._await_first_answer()
            seer.start()
            updater.start()
            notify("READY=1")
            self._watch(seer)
            notify("STOPPING=1")
            if self.stop.is_set() or self.failure:
                self._drain_s = DRAIN_AT_STOP_S
            self.stop.set()
            self._directives.changed.set()
            seer.join(STOP_SEEING_S)
            updater.join(STOP_UPDATING_S)
            self._ended.set()
            self.spool.appended.set()
            sender.join(STOP_SENDING_S + self._drain_s)
            if sender.is_alive():
                log.warning("the server holds up the stop; what waits stays in the spool")
            return self.spool.status().events

    def handle_signals(self) -> None:
        """SIGTERM and SIGINT stop cleanly. Call from the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop.set())

    def _send(self) -> None:
        self._sender.run(self._ended)
        with suppress(sqlite3.ProgrammingError):  # the stop did not wait for it, and has closed the spool
            self._sender.drain(self._drain_s)

    def _see(self) -> None:
        try:
            self._seeing.run(self.stop)
        except Exception as error:  # the edge of the thread
            LOOP_FAILURES.labels(loop="see").inc()
            log.exception("seeing failed")
            self.failure = error

    def _update(self) -> None:
        try:
            self._updater.run(self.stop, self._seeing.adopt)
        except Exception as error:  # the edge of the thread
            LOOP_FAILURES.labels(loop="update").inc()
            log.exception("a new process is needed")
            self.failure = error
            self.stop.set()

    def _await_first_answer(self) -> None:
        """A fresh device may see nothing before the server said what its site allows; a moment's wait saves a gap."""
        until_s = self._clock.monotonic() + FIRST_ANSWER_S
        while not self._directives.known and self._clock.monotonic() < until_s and not self.stop.wait(0.05):
            pass

    def _watch(self, seer: threading.Thread) -> None:
        """Until it is time to stop, tell systemd that both threads move."""
        interval_s = watchdog_interval_s() or 1.0
        while seer.is_alive() and not self.stop.wait(min(interval_s, 1.0)):
            now_s = self._clock.monotonic()
            if now_s - self._sender.moved_s < STUCK_S and now_s - self._seeing.moved_s() < STUCK_S:
                notify(f"WATCHDOG=1\nSTATUS={self._seeing.sight().summary()}")
            else:
                log.error("a thread is stuck", extra={"sent_s": self._sender.moved_s, "seen_s": self._seeing.moved_s()})


def _open_spool(settings: Settings, clock: Clock) -> Spool:
    """Wait for a disk that takes writes: of a unit that failed too often systemd lets go for good."""
    told = False
    while True:
        try:
            return Spool(settings.spool_dir, settings.spool, clock)
        except (OSError, sqlite3.DatabaseError) as error:
            if not may_pass(error):
                raise
            if not told:
                log.exception("disk takes no writes: nothing is seen until it does")
            told = True
            notify(f"READY=1\nWATCHDOG=1\nSTATUS=disk takes no writes: {error}")
            time.sleep(DISK_RETRY_S)
