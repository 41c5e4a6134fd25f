"""Real worker and beat processes for tests, each in a process group of its own, so that it can be killed whole."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx

from support.database import Database
from support.servers import free_port, wait_until


def environment(database: Database, redis_url: str, **settings: str) -> dict[str, str]:
    """The variables of a worker on that database and broker, with free ports for its metrics."""
    return {
        **os.environ,
        **database.environment,
        "STRESSVISION_ENV": "production",
        "STRESSVISION_REDIS_URL": redis_url,
        "STRESSVISION_WORKER_METRICS_PORT": str(free_port()),
        "STRESSVISION_BEAT_METRICS_PORT": str(free_port()),
        **settings,
    }


class Daemon:
    """`stressvision-worker` or `stressvision-beat`, as a supervisor would start it."""

    def __init__(self, name: str, variables: dict[str, str], log: Path) -> None:
        self.name = name
        self.variables = variables
        self.log = log
        self.port = variables[f"STRESSVISION_{name.upper()}_METRICS_PORT"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def start(self) -> None:
        """Return as soon as it is started; see `wait_ready`."""
        command = ["setpriv", "--pdeathsig", "TERM", str(Path(sys.executable).with_name(f"stressvision-{self.name}"))]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=self.variables, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def metrics(self) -> str:
        """What it says of itself; empty while it does not answer."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/metrics", timeout=2).text
        except httpx.HTTPError:
            return ""

    def wait_ready(self) -> None:
        """The worker is ready when it has ended a task well; beat when it has looked at its schedule."""
        sign = {"worker": 'outcome="done",task="rollups.sweep"', "beat": "stressvision_beat_last_tick"}[self.name]
        wait_until(lambda: sign in self.metrics(), f"readiness of {self.name}: {self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9 of the whole group: the consumer and its pool at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self, timeout_s: float = 30) -> int:
        """SIGTERM; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode
