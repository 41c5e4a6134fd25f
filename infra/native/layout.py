"""Where the files of one native stack lie, and which ports and secrets it has: all of it follows from `.env`."""

import hashlib
import os
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from native.dotenv import check_dotenv, read_dotenv

ROOT = Path(__file__).parents[2]
SOCKET_PATH_LIMIT = 100
"""sun_path has 108 bytes on Linux (unix(7)); supervisord adds a suffix of its own while it binds."""

SIGNING_KEYS = "STRESSVISION_SIGNING_KEYS"
"""Where keys of the model repository lie; a relative path is one in the repository."""

LATER_PORTS = {"STRESSVISION_ALERTMANAGER_PORT": "9093"}
"""Ports that came after `.env` was first written: what holds where it does not name them."""

MARKER = "STRESSVISION_STACK_FOLDER"
"""Every process of a stack carries its folder in this environment variable."""


@dataclass(frozen=True)
class Layout:
    """`folder` (`.stack`) holds everything that the stack writes, `dotenv` everything that is set."""

    folder: Path
    dotenv: Path

    @cached_property
    def settings(self) -> dict[str, str]:
        """The values of `.env`, checked; raises `DotenvError`."""
        values = read_dotenv(self.dotenv)
        check_dotenv(values, read_dotenv(ROOT / ".env.example"))
        return {**values, SIGNING_KEYS: str(ROOT / values.get(SIGNING_KEYS, self.folder / "keys"))}

    @property
    def database(self) -> SplitResult:
        """The owner's URL, taken apart."""
        return urlsplit(self.settings["STRESSVISION_OWNER_DATABASE_URL"])

    @property
    def redis(self) -> SplitResult:
        return urlsplit(self.settings["STRESSVISION_REDIS_URL"])

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def bin(self) -> Path:
        """Where the console scripts of this environment are."""
        return ROOT / ".venv" / "bin"

    @property
    def postgres_data(self) -> Path:
        """The cluster; a link when the checkout lies where Postgres' own user may not go."""
        return self.folder / "postgres"

    @cached_property
    def runtime(self) -> Path:
        """Where sockets lie: the folder itself unless its path is too long for one."""
        if len(str(self.folder)) + len("/supervisor.sock") <= SOCKET_PATH_LIMIT:
            return self.folder
        return Path(tempfile.gettempdir()) / f"stressvision-{os.getuid()}-{self.digest}"

    @property
    def digest(self) -> str:
        """Tells this stack from others on the machine."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    @property
    def supervisor_socket(self) -> Path:
        return self.runtime / "supervisor.sock"

    @property
    def supervisor_config(self) -> Path:
        return self.folder / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        return self.folder / "supervisord.pid"

    def port(self, name: str) -> int:
        """A `.env` of before the setting existed has its default."""
        return int(self.settings.get(name) or LATER_PORTS[name])

    def make_folders(self) -> None:
        """The folder is entered by Postgres' user too, but what lies in it is readable only where that is meant."""
        for path in (
            self.folder,
            self.logs,
            self.folder / "redis",
            self.folder / "prometheus",
            self.folder / "alertmanager",
            self.folder / "grafana",
        ):
            path.mkdir(parents=True, exist_ok=True)
        self.runtime.mkdir(mode=0o700, exist_ok=True)
