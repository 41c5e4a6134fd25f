"""Workers killed, Redis emptied and Postgres restarted while events come in through the real intake: no wrong row."""

import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from chaos.results import Line
from stressvision_store import cli
from stressvision_store.marks import mark_events
from stressvision_store.session import transaction
from support import intake, plants
from support.database import Database, create_database, prepare_cluster
from support.rollup_differences import wrong_rows
from support.servers import PostgresServer, RedisServer, start_postgres, start_redis, wait_until
from support.workers import Daemon, environment

EVENTS = 30_000
BATCH = 50
LINGER_S = 0.2
SLACK_S = 0.1
"""A rollup is to be visible within the wake-up's wait and this, in 99 cases of 100."""


@dataclass
class Platform:
    """Everything from the intake to the rollups, on servers of its own."""

    postgres: PostgresServer
    redis: RedisServer
    database: Database
    client: httpx.Client
    devices: list[intake.Device]
    worker: Daemon
    beat: Daemon
    events_sent: int = 0
    refused: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def restart_worker(self) -> None:
        self.worker.kill()
        self.worker.start()

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def marks(self) -> int:
        with psycopg.connect(self.database.url("owner")) as connection:
            return int(connection.execute("SELECT count(*) FROM dirty_windows").fetchone()[0])  # type: ignore[index]


@contextmanager
def open_platform(folder: Path, *, stations: int, **settings: str) -> Iterator[Platform]:
    """Two sites of `stations` stations each; the worker and beat are ready. `settings` are more of their variables."""
    with ExitStack() as stack:
        postgres = start_postgres(folder / "postgres", durable=True)
        stack.callback(postgres.stop, "immediate")
        broker = start_redis(folder / "redis")
        stack.callback(broker.stop)
        cluster = prepare_cluster(postgres.url)
        database = create_database(cluster, "chaos")
        cli.prepare(database.urls)
        stack.callback(database.dispose)
        variables = environment(database, broker.url, STRESSVISION_WORKER_LINGER_S=str(LINGER_S), **settings)
        worker, beat = (Daemon(name, variables, folder / f"{name}.log") for name in ("worker", "beat"))
        for daemon in (worker, beat):
            daemon.start()
            stack.callback(daemon.stop)
        client = stack.enter_context(intake.serve_intake(intake.make_settings(database, broker.url)))
        devices = make_plant(database, client, stations)
        worker.wait_ready()
        yield Platform(postgres, broker, database, client, devices, worker, beat)


def make_plant(database: Database, client: httpx.Client, stations: int) -> list[intake.Device]:
    """Sites with people, and a real, enrolled device in the place of each made-up one."""
    today = datetime.now(UTC).date()
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        plant = plants.build_plant(
            connection,
            first_date=today - timedelta(days=3),
            zones=("America/Lima", "Europe/Madrid"),
            stations=stations,
        )
        connection.execute("DELETE FROM placements")
    intake.register_model(database.engine())
    devices = [intake.join(client, database.engine(), station_id=station) for station in plant.stations]
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        connection.execute("UPDATE placements SET placed_at = %s", [datetime.now(UTC) - timedelta(days=5)])
    return devices


def make_events(device: intake.Device, events: int, chance: random.Random) -> list[intake.Event]:
    """A window a minute up to now, an episode now and then; a fifth of the batches come late."""
    since = datetime.now(UTC) - timedelta(minutes=events + 1)
    made: list[intake.Event] = []
    for n in range(events):
        at = since + timedelta(minutes=n + 1)
        if chance.random() < 0.02:
            made.append(intake.make_episode(at, seq=n, condition=chance.choice(["stress", "fatigue"])))
        else:
            coverage = chance.randrange(1000) / 1000
            made.append(intake.make_window(at, seq=n, coverage=coverage))
    batches = [made[start : start + BATCH] for start in range(0, len(made), BATCH)]
    late = [batch for batch in batches if chance.random() < 0.2]
    chance.shuffle(late)
    return [event for batch in [b for b in batches if b not in late] + late for event in batch]


def send_all(platform: Platform, device: intake.Device, events: list[intake.Event], pause_s: float) -> None:
    """At least once: a batch is sent until it is acknowledged, as the agent does."""
    for start in range(0, len(events), BATCH):
        body = json.dumps(intake.make_batch(*events[start : start + BATCH])).encode()
        while not _is_taken(device, body):
            with platform.lock:
                platform.refused += 1
            time.sleep(0.1)
        with platform.lock:
            platform.events_sent += len(events[start : start + BATCH])
        time.sleep(pause_s)


def _is_taken(device: intake.Device, body: bytes) -> bool:
    try:
        answer = device.send_raw(body)
    except httpx.HTTPError:
        return False
    if answer.status_code == 202:
        refused = answer.json()["rejected"]
        assert not refused, refused[:3]
    return answer.status_code == 202


def edit_roster(platform: Platform, chance: random.Random) -> None:
    """Somebody else stood there yesterday: an edit after the fact, under load."""
    with transaction(platform.database.engine()) as session:
        connection = session.connection()
        stations = connection.exec_driver_sql("SELECT DISTINCT station_id FROM assignments ORDER BY 1").scalars().all()
        station = chance.choice(list(stations))
        connection.exec_driver_sql(
            "UPDATE assignments SET first_date = current_date - 1 WHERE station_id = %s", (station,)
        )
        mark_events(session, station_id=station)


def break_things(platform: Platform, total: int, chance: random.Random) -> dict[str, int]:
    """Each fault when that share of the events is in; returns how often each was done."""
    faults: list[tuple[float, str, Callable[[], None]]] = [
        (0.10, "worker killed", platform.restart_worker),
        (0.20, "Redis emptied", platform.flush_redis),
        (0.30, "worker killed", platform.restart_worker),
        (0.40, "roster edited", lambda: edit_roster(platform, chance)),
        (0.50, "Postgres restarted", lambda: platform.postgres.restart("immediate")),
        (0.60, "worker killed", platform.restart_worker),
        (0.75, "roster edited", lambda: edit_roster(platform, chance)),
        (0.85, "worker killed", platform.restart_worker),
        (0.90, "Redis emptied", platform.flush_redis),
    ]
    done: dict[str, int] = {}
    started = time.monotonic()
    for share, name, fault in faults:
        wait_until(
            lambda share=share: platform.events_sent >= share * total, f"{share:.0%} of the events", timeout_s=300
        )  # type: ignore[misc]
        print(f"    {time.monotonic() - started:.0f} s: {name}", flush=True)
        fault()
        done[name] = done.get(name, 0) + 1
    return done


def rollups_survive(platform: Platform, *, events: int, pause_s: float, seed: int = 1) -> Iterator[Line]:
    """Send, break, wait for the sweep to finish the rest, compare every row with the oracle."""
    chance = random.Random(seed)
    before = stored_events(platform)
    each = events // len(platform.devices)
    streams = [make_events(device, each, chance) for device in platform.devices]
    total = sum(map(len, streams))
    threads = [
        threading.Thread(target=send_all, args=(platform, device, stream, pause_s), daemon=True)
        for device, stream in zip(platform.devices, streams, strict=True)
    ]
    for thread in threads:
        thread.start()
    done = break_things(platform, total, chance)
    for thread in threads:
        thread.join(300)
    ended = time.monotonic()
    wait_until(lambda: platform.marks() == 0, "the end of the marks", timeout_s=120)
    caught_up_s = time.monotonic() - ended
    wrong = wrong_rows(platform.database.url("owner"))
    for line in wrong[:5]:
        print(line)
    stored = stored_events(platform) - before
    with psycopg.connect(platform.database.url("owner")) as connection:
        rows = int(connection.execute("SELECT count(*) FROM rollup_windows").fetchone()[0])  # type: ignore[index]
    faults = ", ".join(f"{name} {times}×" for name, times in done.items())
    yield Line(
        "rollups: wrong rows after " + faults,
        f"{len(wrong)} of {rows} windows and their sums, {platform.refused} batches sent again",
        "0",
        met=not wrong and rows > 0,
    )
    yield Line("rollups: events sent and stored", f"{total} and {stored}", "equal", met=total == stored)
    yield Line("rollups: caught up after the last event", f"{caught_up_s:.1f} s", "≤ 30 s", met=caught_up_s <= 30)


def stored_events(platform: Platform) -> int:
    with psycopg.connect(platform.database.url("owner")) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])  # type: ignore[index]


def visible_after(platform: Platform, *, samples: int, every_s: float) -> list[float]:
    """Seconds from an acknowledged event to its row in the rollups, one at a time, each in a bucket of its own."""
    device = platform.devices[0]
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(days=4)
    waits = []
    with psycopg.connect(platform.database.url("worker"), autocommit=True) as connection:
        for n in range(samples):
            ended_at = start + timedelta(minutes=5 * n + 2)
            device.send(intake.make_window(ended_at, seq=1_000_000 + n)).raise_for_status()
            committed = time.monotonic()
            bucket = start + timedelta(minutes=5 * n)
            while not _is_visible(connection, device.id, bucket):
                assert time.monotonic() - committed < 60, f"bucket {bucket} did not appear"
                time.sleep(0.002)
            waits.append(time.monotonic() - committed)
            time.sleep(random.random() * every_s)
    return sorted(waits)


def _is_visible(connection: psycopg.Connection[Any], device_id: int, bucket: datetime) -> bool:
    statement = """
        SELECT FROM rollup_windows WHERE device_id = %s AND bucket_at = %s
        UNION ALL SELECT FROM unattributed_windows WHERE device_id = %s AND bucket_at = %s"""
    return connection.execute(statement, (device_id, bucket) * 2).fetchone() is not None


def latency_line(waits: list[float]) -> Line:
    p50, p99 = waits[len(waits) // 2], waits[min(len(waits) - 1, int(len(waits) * 0.99))]
    bar = LINGER_S + SLACK_S
    return Line(
        "rollups: visible after commit",
        f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms ({len(waits)} events)",
        f"p99 ≤ wake-up wait {LINGER_S * 1000:.0f} ms + {SLACK_S * 1000:.0f} ms",
        met=p99 <= bar,
    )


def run(folder: Path) -> Iterator[Line]:
    """First how soon events show, then what survives."""
    random.seed(secrets.randbits(32))
    with open_platform(folder, stations=10) as platform:
        yield latency_line(visible_after(platform, samples=200, every_s=0.3))
        yield from rollups_survive(platform, events=EVENTS, pause_s=0.5)
