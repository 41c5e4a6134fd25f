"""Real servers for tests: a private Postgres and a private Redis, on free ports, gone when the tests are over."""

import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import SystemRandom
from typing import Literal

import psutil
import psycopg
import pytest
import redis

from native.binaries import as_postgres, find_postgres, find_redis, postgres_owner

PORTS = range(20_000, 32_000)
"""Below 32768, where the system's own ephemeral ports begin."""

StopMode = Literal["fast", "immediate", "kill"]
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
START_DEADLINE_S = 60.0


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    random = SystemRandom()
    for _ in range(1000):
        port = random.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError(f"no free port in {PORTS}")


def wait_until(ready: Callable[[], bool], what: str, *, timeout_s: float = START_DEADLINE_S) -> None:
    """Return when `ready()` is true; raise `TimeoutError` naming `what` after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.05)


class Server:
    """One process that can be started, stopped, killed and started again on the same port and data."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.log = folder.with_name(f"{folder.name}.log")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, f"{self} is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def command(self, *, with_parent: bool) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start and wait until it answers."""
        with_parent = threading.current_thread() is threading.main_thread()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(with_parent=with_parent), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/"
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self.is_ready():
            if not self.running or time.monotonic() > deadline:
                raise RuntimeError(
                    f"{self.command(with_parent=False)} did not come up:\n{self.log.read_text()[-3000:]}"
                )
            time.sleep(0.05)

    def stop(self, mode: StopMode = "fast") -> None:
        if self._process is None:
            return
        if self.running:
            self._process.send_signal(STOP_SIGNALS[mode])
        self._process.wait(60)
        self._process = None

    def restart(self, mode: StopMode = "fast") -> None:
        self.stop(mode)
        self.start()


class PostgresServer(Server):
    """A private cluster with password authentication. `durable`: with fsync, as in production."""

    def __init__(self, folder: Path, *, durable: bool = False, options: dict[str, str] | None = None) -> None:
        super().__init__(folder)
        self.password = secrets.token_hex(8)
        self.options = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": "200",
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on",
            "full_page_writes": "on" if durable else "off",
            # a database is made and dropped for each test: write less, and less often
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "checkpoint_timeout": "1h",
            "max_wal_size": "2GB",
            "dynamic_shared_memory_type": "mmap",  # in its own folder: nothing is left in /dev/shm after a kill
            **(options or {}),
        }
        self._bin = find_postgres()

    @property
    def url(self) -> str:
        """The superuser's URL of the database `postgres`."""
        return f"postgresql://postgres:{self.password}@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make the cluster's folder (initdb)."""
        self.folder.mkdir(parents=True, mode=0o700)
        owner = postgres_owner()
        with tempfile.NamedTemporaryFile("w", dir=self.folder.parent, suffix=".password") as file:
            file.write(self.password)
            file.flush()
            if owner is not None:
                shutil.chown(self.folder, owner, owner)
                shutil.chown(file.name, owner, owner)
            command = [str(self._bin / "initdb"), "-D", str(self.folder), "-U", "postgres", "--pwfile", file.name]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
            done = subprocess.run(as_postgres(command), capture_output=True, text=True, cwd="/", check=False)
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed: {done.stderr or done.stdout}")

    def command(self, *, with_parent: bool) -> list[str]:
        settings = [f"--{key}={value}" for key, value in self.options.items()]
        return as_postgres([str(self._bin / "postgres"), "-D", str(self.folder), *settings], with_parent=with_parent)

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop; after a kill, too, none of its backends is left, so that it can be started again."""
        backends = psutil.Process(self.pid).children() if self.running else []
        super().stop(mode)
        psutil.wait_procs(backends, timeout=30)


class RedisServer(Server):
    """A private Redis set as the product's: nothing evicted, everything in the append-only file."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def make(self) -> None:
        self.folder.mkdir(parents=True, mode=0o700)

    def command(self, *, with_parent: bool) -> list[str]:
        settings = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": ""}
        settings |= {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        command = [str(find_redis()), *[word for key, value in settings.items() for word in (f"--{key}", value)]]
        return ["setpriv", "--pdeathsig", "INT", *command] if with_parent else command

    def is_ready(self) -> bool:
        with redis.Redis.from_url(self.url, socket_timeout=2) as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                return False


def start_postgres(folder: Path, *, durable: bool = False, options: dict[str, str] | None = None) -> PostgresServer:
    """A new cluster in `folder` (which must not exist), started."""
    server = PostgresServer(folder, durable=durable, options=options)
    server.make()
    server.start()
    return server


def start_redis(folder: Path) -> RedisServer:
    """A new Redis with its data in `folder`, started."""
    server = RedisServer(folder)
    server.make()
    server.start()
    return server


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder that other users may enter: Postgres does not run as root."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-tests-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The session's cluster. A test that restarts or kills it starts its own instead."""
    folder = Path(tempfile.mkdtemp(prefix="stressvision-tests-", dir=_quick_folder()))
    folder.chmod(0o755)
    server = start_postgres(folder / "postgres")
    yield server
    server.stop("immediate")
    shutil.rmtree(folder, ignore_errors=True)


def _quick_folder() -> str | None:
    """Memory, where there is plenty of it (a container often has 64 MB): each test makes and drops a database."""
    memory = Path("/dev/shm")
    try:
        return str(memory) if shutil.disk_usage(memory).free > 4 * 2**30 else None
    except OSError:
        return None


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The superuser's URL of the session's cluster."""
    return postgres_server.url


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[RedisServer]:
    server = start_redis(servers_folder / "redis")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def redis_url(redis_server: RedisServer) -> str:
    """The session's Redis, shared: flush only what is yours."""
    return redis_server.url
