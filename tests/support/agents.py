"""Real agents, as installed, each a process of its own with a recording for a camera."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAM = str(Path(sys.executable).with_name("stressvision-agent"))
STOPS_S = 30.0

SETTINGS = """
[server]
url = {url}

[device]
state_dir = {state}

[camera]
source = {source}
repeat = true
frames_per_second = 5.0

[vision]
model = {model}

[episodes]
window_s = 5

[heartbeat]
interval_s = 2.0

[updates]
good_frames = 10
heartbeat_s = 1.0
# a test's machine has other things to do
latency_p95_s = 5.0
"""


@dataclass
class Agent:
    """One agent with its files in `folder`."""

    folder: Path
    device_id: int = 0
    _process: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.folder / "agent.toml"

    @property
    def log(self) -> str:
        return (self.folder / "agent.log").read_text(errors="replace")

    def prepare(self, url: str, clip: Path, model: Path) -> None:
        self.folder.mkdir(parents=True)
        values = {"url": url, "state": self.folder / "state", "source": f"file:{clip}", "model": model}
        quoted = {name: json.dumps(str(value)) for name, value in values.items()}
        self.config.write_text(SETTINGS.format(**quoted))

    def enrol(self, code: str) -> None:
        command = [PROGRAM, "enroll", "--config", str(self.config), "--code", code, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        self.device_id = int(json.loads(done.stdout)["device_id"])

    def update_from(self, folder: Path) -> dict[str, Any]:
        command = [PROGRAM, "update", "--config", str(self.config), "--from", str(folder), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return dict(json.loads(done.stdout))

    def start(self) -> None:
        with (self.folder / "agent.log").open("ab") as log:
            command = [PROGRAM, "run", "--config", str(self.config), "--json"]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self.alive:
            assert self._process is not None
            self._process.terminate()
            self._process.wait(STOPS_S)
