"""The demo's one real agent: `stressvision-agent`, enrolled by a code, looking at a clip or a camera."""

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from demo.clip import make_clip

STATION = ("Arequipa", "Demostración", "Agente real")
PSEUDONYM = "D-REAL"
WINDOW_S = 10
CLIP_S = 60.0
ENDS_S = 30.0
"""How long a stopped agent may take to send what it still holds."""

SAMPLE = re.compile(r"^(stressvision_agent_\w+)(?:\{[^}]*\})? ([0-9.e+-]+)$", re.MULTILINE)


class AgentError(RuntimeError):
    """The agent did not start or ended badly; the message holds its last words."""


@dataclass
class RealAgent:
    """One process of the installed agent with its files in `folder`."""

    folder: Path
    ingest_url: str
    model: Path
    source: str
    device_id: int | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    _port: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _watch: threading.Thread | None = None

    @property
    def config(self) -> Path:
        return self.folder / "agent.toml"

    @property
    def log(self) -> Path:
        return self.folder / "agent.log"

    def prepare(self) -> None:
        """Make the clip where none was named, and write the settings."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.source:
            clip = self.folder / "demo.avi"
            if not clip.exists():
                make_clip(clip, seconds=CLIP_S)
            self.source = f"file:{clip}"
        self._port = _free_port()
        quoted = {name: json.dumps(str(value)) for name, value in (
            ("url", self.ingest_url), ("state", self.folder / "state"), ("source", self.source), ("model", self.model),
        )}  # fmt: skip
        self.config.write_text(
            f"[server]\nurl = {quoted['url']}\n\n"
            f"[device]\nstate_dir = {quoted['state']}\n\n"
            f"[camera]\nsource = {quoted['source']}\n\n"
            f"[vision]\nmodel = {quoted['model']}\n\n"
            f"[episodes]\nwindow_s = {WINDOW_S}\n\n"
            f"[heartbeat]\ninterval_s = 5.0\n\n"
            f"[metrics]\nport = {self._port}\n"
        )

    def enrol(self, code: str) -> int:
        """Join anew with `code`; what an earlier run of the demo left is put aside."""
        shutil.rmtree(self.folder / "state", ignore_errors=True)
        done = subprocess.run(
            [_program(), "enroll", "--config", str(self.config), "--code", code, "--json"],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if done.returncode != 0:
            raise AgentError(f"stressvision-agent enroll: {done.stderr.strip()[-500:]}")
        self.device_id = int(json.loads(done.stdout)["device_id"])
        return self.device_id

    def start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [_program(), "run", "--config", str(self.config), "--json"],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        self._watch = threading.Thread(target=self._read_counters, args=(self._process,), daemon=True)
        self._watch.start()

    def _read_counters(self, process: "subprocess.Popen[bytes]") -> None:
        """Until it ends: afterwards nobody can ask it any more."""
        while process.poll() is None:
            time.sleep(0.5)
            try:
                text = httpx.get(f"http://127.0.0.1:{self._port}/metrics", timeout=2).text
            except httpx.HTTPError:
                continue
            found: dict[str, float] = {}
            for name, value in SAMPLE.findall(text):
                found[name] = found.get(name, 0.0) + float(value)
            self.metrics = found or self.metrics

    def finish(self, timeout_s: float) -> None:
        """Let the recording end, or stop the agent after `timeout_s`; raise `AgentError` when it failed."""
        assert self._process is not None
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.terminate()
        try:
            code = self._process.wait(ENDS_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        if code != 0:
            raise AgentError(f"the agent ended with {code}:\n{self.log.read_text(errors='replace')[-1500:]}")

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(ENDS_S)


def _program() -> str:
    """The agent installed beside this Python."""
    return str(Path(sys.executable).with_name("stressvision-agent"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
