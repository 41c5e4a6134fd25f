"""The worker and beat as processes, on a real broker and database."""

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random

import psutil
import psycopg
import pytest
import redis
from celery import Celery
from kombu.exceptions import OperationalError
from pydantic import SecretStr

from stressvision_store import cli
from stressvision_worker.app import SCHEDULE, create_celery
from stressvision_worker.settings import Settings
from stressvision_worker.watch import STUCK_EXIT_CODE
from support import plants
from support.database import Cluster, Database, create_database, drop_database
from support.rollup_differences import wrong_rows
from support.servers import start_redis, wait_until
from support.workers import Daemon, environment

pytestmark = pytest.mark.e2e

SINCE = datetime(2026, 11, 4, 13, 0, tzinfo=UTC)
ALLOWED_LABELS = {"task", "outcome", "why", "state", "kind", "le"}


class Crew:
    """A worker, and a beat, on a broker that nobody else uses."""

    def __init__(self, folder: Path, database: Database) -> None:
        self.database = database
        self.broker = start_redis(folder / "redis")
        self.variables = environment(database, self.broker.url)
        self.worker = Daemon("worker", self.variables, folder / "worker.log")
        self.beat = Daemon("beat", self.variables, folder / "beat.log")
        with psycopg.connect(database.url("owner"), autocommit=True) as connection:
            self.plant = plants.build_plant(connection, first_date=date(2026, 11, 3))

    def send(self, minutes: int = 10, seed: int = 1) -> None:
        with psycopg.connect(self.database.url("ingest"), autocommit=True) as connection:
            plants.store_events(connection, list(plants.stream(self.plant.devices, SINCE, minutes, Random(seed))))

    def wake(self) -> None:
        """As ingest and control do it."""
        with redis.Redis.from_url(self.broker.url) as client, Celery(broker=self.broker.url) as app:
            assert client.set("stressvision:rollups:wake", b"1", nx=True, ex=5)
            app.send_task("rollups.refresh", ignore_result=True)

    def count(self, table: str) -> int:
        with psycopg.connect(self.database.url("owner")) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture(scope="module")
def crew(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    database = create_database(cluster, "crew")
    cli.prepare(database.urls)
    crew = Crew(tmp_path_factory.mktemp("crew"), database)
    crew.worker.start()
    crew.beat.start()
    crew.worker.wait_ready()
    crew.beat.wait_ready()
    yield crew
    crew.worker.stop()
    crew.beat.stop()
    crew.broker.stop()
    drop_database(cluster, database)


def started(of: Path) -> int:
    """When a process or a thread was started, in ticks since the machine was: field 22 of proc(5)."""
    return int((of / "stat").read_text().rpartition(")")[2].split()[19])


def test_the_pool_is_forked_before_any_thread_works(crew: Crew) -> None:
    """Whatever a thread holds at that moment, a module that it imports for one, nobody would ever let go of."""
    worker = crew.worker.process.pid
    forked = max(started(Path(f"/proc/{child.pid}")) for child in psutil.Process(worker).children())

    threads = [started(each) for each in Path(f"/proc/{worker}/task").iterdir() if each.name != str(worker)]

    before = [at for at in threads if at < forked]
    assert len(before) == 1, "the server of the metrics, which waits to be asked"
    assert len(threads) >= 3, "the alerts and the watch came after"


def test_a_hint_brings_the_rollups_up_to_date(crew: Crew) -> None:
    crew.send()
    crew.wake()

    wait_until(lambda: crew.count("dirty_windows") == 0, "the end of the marks", timeout_s=10)

    assert crew.count("rollup_windows") > 0
    assert wrong_rows(crew.database.url("owner")) == []
    with redis.Redis.from_url(crew.broker.url) as client:
        assert not client.exists("stressvision:rollups:wake"), "the next hint must get through"


def test_without_a_hint_beat_finds_the_marks(crew: Crew) -> None:
    crew.send(seed=2)

    wait_until(lambda: crew.count("dirty_windows") == 0, "the sweep", timeout_s=20)

    assert wrong_rows(crew.database.url("owner")) == []


def test_metrics_of_all_processes_come_from_one_port(crew: Crew) -> None:
    wait_until(lambda: "stressvision_agents" in crew.worker.metrics(), "the gauges")

    lines = [line for line in crew.worker.metrics().splitlines() if line.startswith("stressvision_")]

    assert re.search(
        r'^stressvision_worker_tasks_total\{outcome="done",task="rollups.sweep"\} [1-9]', "\n".join(lines), re.MULTILINE
    )
    assert {label for line in lines for label in re.findall(r'(\w+)="', line)} <= ALLOWED_LABELS
    assert len(lines) < 300
    assert "stressvision_beat_sent_total" in crew.beat.metrics()


def test_a_killed_worker_is_replaced_without_loss(crew: Crew) -> None:
    crew.send(minutes=60, seed=3)
    crew.wake()
    crew.worker.kill()
    crew.send(minutes=70, seed=4)

    crew.worker.start()

    wait_until(lambda: crew.count("dirty_windows") == 0, "the end of the marks", timeout_s=30)
    assert wrong_rows(crew.database.url("owner")) == []


def test_a_worker_that_hears_nothing_while_marks_grow_old_ends_itself(crew: Crew, tmp_path: Path) -> None:
    broker = start_redis(tmp_path / "redis")
    settings = {"STRESSVISION_REDIS_URL": broker.url, "STRESSVISION_WORKER_STUCK_S": "2"}
    variables = environment(crew.database, broker.url) | settings
    worker = Daemon("worker", variables, tmp_path / "deaf.log")
    worker.start()
    try:
        worker.wait_ready()
        crew.worker.stop()
        broker.stop("kill")
        crew.send(seed=9)
        pool = psutil.Process(worker.process.pid).children()

        assert worker.process.wait(30) == STUCK_EXIT_CODE, worker.tail()

        assert psutil.wait_procs(pool, timeout=5)[1] == [], "its pool goes with it"
        assert "ending, to be started anew" in worker.tail()
    finally:
        worker.stop()
        broker.stop()
        crew.worker.start()


def test_a_worker_begins_though_its_broker_was_filled_meanwhile(crew: Crew, tmp_path: Path) -> None:
    broker = start_redis(tmp_path / "redis")
    settings = Settings(database_url=SecretStr(crew.database.url("worker")), redis_url=SecretStr(broker.url))
    with redis.Redis.from_url(broker.url) as client, create_celery(settings) as app:
        client.config_set("maxmemory", client.info("memory")["used_memory"] + 2_000_000)
        with pytest.raises(OperationalError, match="maxmemory"):
            for name in itertools.cycle(SCHEDULE):
                app.send_task(name)
    worker = Daemon("worker", environment(crew.database, broker.url), tmp_path / "full.log")
    worker.start()
    try:
        worker.wait_ready()
        assert "stressvision_worker_forgotten_hints_total 0" not in worker.metrics()
    finally:
        worker.stop()
        broker.stop()


def test_both_stop_cleanly_when_asked(crew: Crew) -> None:
    crew.worker.wait_ready()
    assert (crew.worker.stop(), crew.beat.stop()) == (0, 0), crew.worker.tail() + crew.beat.tail()
