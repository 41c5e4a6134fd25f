"""`stressvision-trainer`: ask for a job, run it, ask again. SIGTERM gives the job back and ends."""

import argparse
import logging
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from stressvision_telemetry.logs import configure_logs
from stressvision_telemetry.metrics import expose, set_build_info
from stressvision_trainer import metrics
from stressvision_trainer.control import Claim, Control
from stressvision_trainer.errors import (
    AskedToStopError,
    CancelledError,
    ChangedError,
    ControlError,
    JobError,
    LostError,
)
from stressvision_trainer.folders import forget_data, forget_job, jobs_with_data, old_jobs
from stressvision_trainer.holding import Held
from stressvision_trainer.job import run_job
from stressvision_trainer.settings import Settings, SettingsError, read_settings
from stressvision_trainer.tracking import Tracking, open_tracking

VERSION: Final = "0.1.0"
OVER: Final = ("succeeded", "failed", "cancelled", None)

_log = logging.getLogger(__name__)


class Trainer:
    """One job at a time, until `stop` is set; with `until_idle`, until none waits."""

    def __init__(self, settings: Settings, stop: threading.Event, tracking: Tracking) -> None:
        self._settings, self._stop, self._tracking = settings, stop, tracking
        self._control = Control(settings.control_url, settings.token, wait=self._pause)

    def run(self, *, until_idle: bool = False) -> None:
        self._settings.folder.mkdir(parents=True, exist_ok=True)
        self._tidy()
        while not self._stop.is_set():
            try:
                claim = self._ask()
            except ControlError as error:
                if error.status in (401, 403):
                    raise
                _log.warning("no job could be asked for", extra={"why": str(error)})
                self._stop.wait(self._settings.poll_s)
                continue
            if claim is not None:
                self.work_on(claim)
                self._tidy()
            elif until_idle:
                return
            else:
                self._tidy()  # a job that another trainer took over may be over by now
                self._stop.wait(self._settings.poll_s)

    def close(self) -> None:
        self._control.close()

    def work_on(self, claim: Claim) -> None:
        """Run a job to its end, whatever that is."""
        metrics.WORKING.set(1)
        _log.info("claimed", extra={"job": claim.id, "fence": claim.fence, "recipe": claim.recipe})
        with Held(self._control, claim, heartbeat_s=self._settings.heartbeat_s, stop=self._stop) as held:
            outcome = self._outcome(held)
        metrics.JOBS.labels(outcome=outcome).inc()
        metrics.WORKING.set(0)
        _log.info("let go", extra={"job": claim.id, "outcome": outcome})

    def _outcome(self, held: Held) -> str:
        try:
            run_job(self._control, held, self._settings, self._tracking)
        except LostError as error:
            _log.warning("lost", extra={"job": held.claim.id, "why": str(error)})
            return "lost"
        except CancelledError:
            return self._finish(held, "cancelled", None, "KILLED")
        except AskedToStopError:
            return self._finish(held, "given_back", "its trainer was told to stop", "KILLED")
        except ChangedError as error:
            self._forget(forget_data, held.claim.id)  # somebody may have withdrawn from it
            return self._finish(held, "given_back", str(error), "KILLED")
        except (JobError, ControlError) as error:
            if isinstance(error, ControlError) and error.field == "fence":
                _log.warning("lost", extra={"job": held.claim.id, "why": str(error)})
                return "lost"
            return self._finish(held, "failed", str(error), "FAILED")
        except Exception as error:  # noqa: BLE001 - the edge: a fault of ours must not end the trainer
            _log.exception("a job broke the trainer", extra={"job": held.claim.id})
            return self._finish(held, "failed", f"{type(error).__name__}: {error}", "FAILED")
        self._tracking.end("FINISHED")
        return "succeeded"

    def _finish(self, held: Held, outcome: str, reason: str | None, status: str) -> str:
        self._tracking.end(status)
        if reason is not None:
            held.say(f"{outcome.replace('_', ' ')}: {reason}")
        held.flush()
        try:
            self._control.finish(held.claim, outcome, reason)
        except ControlError as error:
            _log.warning("the end of a job was not heard", extra={"job": held.claim.id, "why": str(error)})
            return "lost"
        return outcome

    def _ask(self) -> Claim | None:
        try:
            claim = self._control.claim(self._settings.name)
        except ControlError:
            metrics.POLLS.labels(outcome="failed").inc()
            raise
        metrics.POLLS.labels(outcome="nothing" if claim is None else "job").inc()
        return claim

    def _tidy(self) -> None:
        """Remove pictures and data of jobs that are over: after a kill, too, nobody's face stays here for long."""
        folder = self._settings.folder
        for jobs, forget in (
            (jobs_with_data(folder), forget_data),
            (old_jobs(folder, self._settings.teacher), forget_job),
        ):
            for job in jobs:
                if self._is_over(job):
                    self._forget(forget, job)

    def _is_over(self, job: int) -> bool:
        try:
            return self._control.job_state(job) in OVER
        except ControlError:
            return False

    def _forget(self, forget: Callable[[Path, int], None], job: int) -> None:
        try:
            forget(self._settings.folder, job)
        except OSError as error:
            metrics.FORGET_FAILURES.inc()
            _log.error("what a job left could not be removed", extra={"job": job, "why": str(error)})

    def _pause(self, seconds: float) -> None:
        """Between two tries of a call; the last words of a job are still tried while this process ends."""
        if self._stop.wait(seconds):
            raise ControlError("this trainer was told to stop while the control API was away")


def main() -> None:
    """Run until told to stop."""
    parser = argparse.ArgumentParser(prog="stressvision-trainer", description=__doc__)
    parser.add_argument("--until-idle", action="store_true", help="end when no job waits any more")
    asked = parser.parse_args()
    try:
        settings = read_settings()
        tracking = open_tracking(settings.mlflow_uri)
    except (SettingsError, ValueError) as error:
        sys.exit(f"settings: {error}")
    configure_logs(settings.log_level)
    set_build_info("trainer", VERSION)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    close = expose(settings.metrics_port, settings.metrics_host) if settings.metrics_port else None
    trainer = Trainer(settings, stop, tracking)
    try:
        trainer.run(until_idle=asked.until_idle)
    except ControlError as error:
        sys.exit(f"the control API lets this trainer do nothing: {error}")
    finally:
        trainer.close()
        if close is not None:
            close()
