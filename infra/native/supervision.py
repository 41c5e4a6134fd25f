"""supervisord for one stack: its configuration, and what is asked of it through its socket."""

import hashlib
import json
import os
import shlex
import signal
import subprocess
import time
import xmlrpc.client
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import Faults, SupervisorTransport

from native.layout import MARKER, ROOT, Layout
from native.parts import Part, environment_of
from native.processes import find_marked

NOT_INHERITED = ("PYTHON", "MAKE", "STRESSVISION_", "VIRTUAL_ENV")
"""What belongs to the shell that called, not to the stack; settings come from `.env` alone."""

HEAD = """\
[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=10MB
logfile_backups=3
pidfile={pid}
directory={folder}
{user}
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

SOURCES = {".py", ".json", ".toml", ".tflite"}

PROGRAM = """
; settings {digest}
[program:{name}]
command={command}
directory={directory}
environment=STRESSVISION_SETTINGS_DIGEST="{digest}"
autostart=false
autorestart=true
startretries=100000
stopsignal={signal}
stopwaitsecs=60
killasgroup=true
redirect_stderr=true
stdout_logfile={logs}/{name}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def write_config(layout: Layout, parts: list[Part]) -> None:
    """supervisord.conf, and one file of settings per part; only what this user may read."""
    user = "user=root\n" if os.geteuid() == 0 else ""
    text = HEAD.format(
        logs=layout.logs, pid=layout.supervisor_pid, folder=layout.folder, socket=layout.supervisor_socket, user=user
    )
    settings = layout.folder / "settings"
    settings.mkdir(mode=0o700, exist_ok=True)
    for part in parts:
        environment = environment_of(part, layout.settings)
        file = settings / f"{part.name}.json"
        write_private(file, json.dumps(environment))
        command = part.command
        if part.needs_settings:
            command = [str(layout.bin / "python"), str(ROOT / "infra" / "native" / "launch.py"), str(file), *command]
        text += PROGRAM.format(
            name=part.name,
            command=_quote(command),
            directory=part.directory,
            signal=part.stop_signal,
            logs=layout.logs,
            digest=_digest(part, environment),
        )
    write_private(layout.supervisor_config, text)


def _digest(part: Part, environment: dict[str, str]) -> str:
    """Changes when a part must be restarted: other settings, other code, another configuration file."""
    text = json.dumps(environment, sort_keys=True) + fingerprint(part.made_of)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint(made_of: tuple[Path, ...]) -> str:
    """Changes when one of these files, or a source file in one of these folders, is written."""
    digest = hashlib.sha256()
    for root in made_of:
        files = [root] if root.is_file() else (path for path in root.rglob("*") if path.suffix in SOURCES)
        for file in sorted(files):
            status = file.stat()
            digest.update(f"{file} {status.st_mtime_ns} {status.st_size}".encode())
    return digest.hexdigest()


def _quote(command: list[str]) -> str:
    return shlex.join(command).replace("%", "%%")


def write_private(file: Path, text: str) -> None:
    """Write what only this user may read; an unchanged file keeps its time."""
    if file.exists() and file.read_text() == text:
        return
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)


class Supervisor:
    """The running supervisord of a stack."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def _ask(self, method: str, *arguments: str | bool) -> Any:  # each method answers in its own shape
        """One call over a connection of its own; `OSError` where nobody listens, `xmlrpc.client.Fault` for a no."""
        transport = SupervisorTransport(None, None, serverurl=f"unix://{self._layout.supervisor_socket}")
        try:
            proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
            return getattr(proxy.supervisor, method)(*arguments)
        finally:
            transport.close()

    def is_running(self) -> bool:
        try:
            return bool(self._ask("getState")["statename"] in ("RUNNING", "RESTARTING"))
        except (OSError, xmlrpc.client.Error):
            return False

    def start(self) -> None:
        """Start it as a daemon; what a dead one has left (socket, pid file, children) is cleared away first."""
        clear_leftovers(self._layout)
        environment = {
            name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TZ", "USER")
        }
        environment[MARKER] = str(self._layout.folder)
        command = [str(self._layout.bin / "supervisord"), "-c", str(self._layout.supervisor_config)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"supervisord did not start: {done.stderr or done.stdout}")
        _wait(self.is_running, 15, "supervisord's answer")

    def apply(self, name: str) -> bool:
        """Have the part run as the configuration now says; whether anything had to be done for it."""
        changed = self._reload()
        if name in changed:
            self.stop_part(name)
            self._ask("removeProcessGroup", name)
        try:
            self._ask("addProcessGroup", name)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != Faults.ALREADY_ADDED:
                raise
        if self.state(name) in ("RUNNING", "STARTING", "BACKOFF"):
            return False
        self._ask("startProcess", name, False)
        return True

    def _reload(self) -> set[str]:
        """Read the configuration again; the parts that it says differently than they run."""
        [[_added, changed, removed]] = self._ask("reloadConfig")
        for name in removed:
            self.stop_part(name)
            self._ask("removeProcessGroup", name)
        return set(changed)

    def stop_part(self, name: str) -> None:
        try:
            self._ask("stopProcess", name, True)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode not in (Faults.NOT_RUNNING, Faults.BAD_NAME):
                raise

    def state(self, name: str) -> str:
        """supervisord's word for it: RUNNING, BACKOFF (it ends at once, again and again), …, or ABSENT."""
        try:
            return str(self._ask("getProcessInfo", name)["statename"])
        except xmlrpc.client.Fault:
            return "ABSENT"

    def pid(self, name: str) -> int:
        return int(self._ask("getProcessInfo", name)["pid"])

    def shut_down(self, order: list[str]) -> None:
        """Stop the parts in this order, then supervisord, and wait until it is gone."""
        for name in order:
            self.stop_part(name)
        self._ask("shutdown")
        _wait(lambda: not find_marked(MARKER, str(self._layout.folder)), 30, "the end of supervisord")


def clear_leftovers(layout: Layout) -> None:
    """End what outlived a supervisord that was killed: Postgres first asked, then told; and its dead socket."""
    for sent, patience_s in ((signal.SIGINT, 15), (signal.SIGTERM, 10), (signal.SIGKILL, 10)):
        left = find_marked(MARKER, str(layout.folder))
        for pid in left:
            _signal(pid, sent)
        deadline = time.monotonic() + patience_s
        while left and time.monotonic() < deadline:
            time.sleep(0.1)
            left = find_marked(MARKER, str(layout.folder))
        if not left:
            break
    for file in (layout.supervisor_socket, layout.supervisor_pid):
        file.unlink(missing_ok=True)


def _signal(pid: int, sent: signal.Signals) -> None:
    try:
        os.kill(pid, sent)
    except ProcessLookupError:
        return


def _wait(ready: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come within {timeout_s:g} s")
        time.sleep(0.1)
