"""The platform of the scenario `rollout`: every process as the product runs it, and a herd that fetches models."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx

from stressvision_store import cli, model_versions
from stressvision_store.session import transaction
from support import intake
from support.database import Database, create_database, prepare_cluster
from support.downloading import Fetching
from support.lines import Line
from support.models import make_model
from support.repository import Repository
from support.rollouts import NEW, OLD
from support.servers import PostgresServer, start_postgres, start_redis
from support.simulated import Herd, LoggedIntake, Simulated
from support.workers import Daemon, environment

BAD = "company5-3.0.0"
EVERY_S = 2.0
AT_ONCE = 48
"""Downloads that are under way in this process."""
WEAK = 3
"""One device in so many hangs on the line that is slow and breaks."""
BYTES_PER_S = 400_000
BREAKS_AFTER = (150_000, 1_500_000)


@cache
def content_of(version: str) -> bytes:
    return make_model("good", (OLD, NEW, BAD).index(version))


@cache
def digest_of(version: str) -> str:
    return hashlib.sha256(content_of(version)).hexdigest()


@dataclass
class Joining:
    """Enrols devices, each with its way to models: straight, or over the line."""

    database: Database
    client: httpx.Client
    over_line: httpx.Client
    pool: ThreadPoolExecutor
    folder: Path
    root: bytes

    def join(self, number: int) -> list[Simulated]:
        with ThreadPoolExecutor(4) as pool:
            joined = pool.map(lambda _: intake.join(self.client, self.database.engine()), range(number))
            return [self._simulated(device) for device in joined]

    def _simulated(self, device: intake.Device) -> Simulated:
        http = self.over_line if device.id % WEAK == 0 else self.client
        way = Fetching(device, http, self.folder / f"device-{device.id}", self.pool, self.root, {digest_of(OLD)})
        return Simulated(device, runs=digest_of(OLD), version=OLD, fetching=way)


@dataclass
class Platform:
    postgres: PostgresServer
    database: Database
    intake: LoggedIntake
    line: Line
    worker: Daemon
    beat: Daemon
    repository: Repository
    joining: Joining
    herd: Herd

    def kill(self, *parts: str) -> None:
        """kill -9 of each, then start them again."""
        named = {"intake": self.intake, "worker": self.worker, "beat": self.beat}
        for part in parts:
            named[part].kill()
        for part in parts:
            named[part].start()


@contextmanager
def open_platform(folder: Path, size: int) -> Iterator[Platform]:
    """Every process as the product runs it; `size` devices are enrolled and beat."""
    with ExitStack() as stack:
        postgres = start_postgres(folder / "postgres", durable=True)
        stack.callback(postgres.stop, "immediate")
        broker = start_redis(folder / "redis")
        stack.callback(broker.stop)
        database = create_database(prepare_cluster(postgres.url), "chaos")
        cli.prepare(database.urls)
        stack.callback(database.dispose)
        server = LoggedIntake(intake.make_settings(database, broker.url), folder / "intake.log")
        server.start()
        stack.callback(server.stop)
        variables = environment(database, broker.url, STRESSVISION_SIGNING_KEYS=str(folder / "keys"))
        worker, beat = (Daemon(name, variables, folder / f"{name}.log") for name in ("worker", "beat"))
        for daemon in (worker, beat):
            daemon.start()
            stack.callback(daemon.stop)
        repository = Repository(database)
        repository.create()
        for version in (OLD, NEW):
            repository.add(version, content_of(version))
        with transaction(database.engine("control")) as session:
            model_versions.desire_model(session, OLD)
        worker.wait_ready()
        line = stack.enter_context(Line(server.port, bytes_per_s=BYTES_PER_S, breaks_after=BREAKS_AFTER).open())
        many = httpx.Limits(max_connections=AT_ONCE + 8)
        client, over_line = (
            stack.enter_context(httpx.Client(base_url=url, timeout=10, limits=many)) for url in (server.url, line.url)
        )
        pool = stack.enter_context(ThreadPoolExecutor(AT_ONCE))
        joining = Joining(database, client, over_line, pool, folder / "devices", repository.content("root", 1))
        joining.folder.mkdir()
        herd = Herd(joining.join(size), every_s=EVERY_S)
        with herd.beating():
            yield Platform(postgres, database, server, line, worker, beat, repository, joining, herd)
