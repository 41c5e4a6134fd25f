"""Trainer processes over a real control API."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.control import Control
from support.training import LABELS, Plant, drawn

MINUTES = 600.0
"""How long a job may take on a busy machine, in seconds."""


@dataclass
class TrainerProcess:
    """`stressvision-trainer`, with its log in `folder`."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        return self.process.wait(timeout=30)


@contextmanager
def running_trainer(control: Control, folder: Path, name: str = "a", **settings: str) -> Iterator[TrainerProcess]:
    with trainer_process(control.url, control.token("ml"), folder, name, **settings) as trainer:
        yield trainer


@contextmanager
def trainer_process(url: str, token: str, folder: Path, name: str = "a", **settings: str) -> Iterator[TrainerProcess]:
    log = folder / f"{name}.log"
    environment = os.environ | {
        "STRESSVISION_CONTROL_URL": url,
        "STRESSVISION_TRAINER_TOKEN": token,
        "STRESSVISION_TRAINER_FOLDER": str(folder / "work"),
        "STRESSVISION_TRAINER_NAME": name,
        "STRESSVISION_TRAINER_POLL_S": "0.2",
        "STRESSVISION_TRAINER_HEARTBEAT_S": "0.5",
        "STRESSVISION_TRAINER_METRICS_PORT": "0",
        "STRESSVISION_TRAINER_BENCHMARK_RUNS": "20",
    }
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "stressvision_trainer"], env=environment | settings, stdout=file, stderr=file
        )
        trainer = TrainerProcess(process, log)
        try:
            yield trainer
        finally:
            trainer.stop()


def fill(plant: Plant, people: int = 14, shots: int = 2) -> None:
    """Drawn pictures of every label; the first person is E-YES, the others are nobody known."""
    for label in LABELS:
        for number in range(people * shots):
            query: dict[str, Any] = {"subject": "E-YES"} if number == 0 else {}
            answer = plant.put(drawn(label, number), label, **query)
            assert answer.status_code == 201, answer.text


def job_of(control: Control, job: int) -> dict[str, Any]:
    found: dict[str, Any] = control.as_role("ml").get(f"/v1/training-jobs/{job}").json()
    return found


def log_of(control: Control, job: int) -> list[str]:
    rows = control.as_role("ml").get(f"/v1/training-jobs/{job}/logs", params={"limit": 2000}).json()
    return [row["line"] for row in rows]


def wait_for_state(control: Control, job: int, *states: str, timeout: float = MINUTES) -> dict[str, Any]:
    return wait_for(control, job, lambda row: row["state"] in states, f"is one of {states}", timeout)


def wait_for_epoch(control: Control, job: int, epoch: int) -> dict[str, Any]:
    return wait_for(control, job, lambda row: (row["epoch"] or 0) >= epoch, f"has done epoch {epoch}")


def wait_for(
    control: Control, job: int, is_so: Callable[[dict[str, Any]], bool], what: str, timeout: float = MINUTES
) -> dict[str, Any]:
    """The job as it is once that is so; the log's end in the error where it never is."""
    deadline = time.monotonic() + timeout
    while not is_so(row := job_of(control, job)):
        if time.monotonic() > deadline or row["ended_at"] is not None:
            raise AssertionError(f"job {job} never {what}: {row}\n" + "\n".join(log_of(control, job)[-40:]))
        time.sleep(0.3)
    return row
