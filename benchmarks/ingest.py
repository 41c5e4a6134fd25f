"""How fast the intake takes events over real HTTP, against COPY and against a plain endpoint, in interleaved rounds.

All write the same events into tables of the same shape on the same Postgres, with fsync. A round measures each
contestant once; a ratio is taken within a round, and the median over rounds is reported, because what else the
machine does changes between rounds more than within one.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg

from benchmarks.load import Outcome, Plan, run_load
from benchmarks.peers.copy import Row, copy
from benchmarks.results import Entry, entry, shown
from stressvision_store import cli
from support.database import Cluster, Database, create_database, prepare_cluster
from support.intake import IntakeProcess, join, make_episode, make_settings, make_window, register_model
from support.servers import free_port, start_postgres, start_redis, wait_until

ROUNDS = 5
DEVICES = 64
EVENTS_AT_500, EVENTS_AT_50, EVENTS_AT_1 = 60_000, 15_000, 3_000
PLAIN_EVENTS_AT_50, PLAIN_EVENTS_AT_1 = 3_000, 500
CONNECTIONS = {500: 12, 50: 16, 1: 32}
EPISODE_EVERY = 40
OPEN_RATE, OPEN_SECONDS = 2_000, 8
DISK_TRIES = 200

Events = list[dict[str, Any]]


class Contest:
    """The servers, and what each contestant is sent."""

    def __init__(self, admin_url: str, ours: Database, peers: Database, intake_port: int, plain_port: int) -> None:
        self._admin_url = admin_url
        self._ours = ours
        self._peers = peers
        self._intake_port = intake_port
        self._plain_port = plain_port
        self._made = 0
        with httpx.Client(base_url=f"http://127.0.0.1:{intake_port}", timeout=60) as client:
            self._devices = [join(client, ours.engine()) for _ in range(DEVICES)]

    def events(self, count: int) -> Events:
        """Fresh ones: minutes of the last days, with an episode now and then."""
        now, made = datetime.now(UTC), []
        for _ in range(count):
            self._made += 1
            at = now - timedelta(seconds=self._made * 7 % 200_000)
            make = make_episode if self._made % EPISODE_EVERY == 0 else make_window
            made.append(make(at, seq=self._made))
        return made

    def settle(self) -> None:
        """Nobody pays for the writes of the one before."""
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def copied(self, count: int, per_commit: int) -> float:
        """Events a second."""
        rows = [_row(event) for event in self.events(count)]
        self.settle()
        return count / copy(self._peers.url("owner"), rows, per_commit=per_commit)

    def taken(self, count: int, size: int) -> float:
        """Events a second through the intake, in requests of `size`, counted after commit."""
        before = _count(self._ours)
        requests = [self._batch(place, self.events(size)) for place in range(count // size)]
        self.settle()
        outcome = run_load(Plan(self._intake_port, CONNECTIONS[size], requests))
        _check(outcome, 202)
        stored = _count(self._ours) - before
        if stored != count:
            raise RuntimeError(f"{count} events were sent and acknowledged, but {stored} are stored")
        return count / outcome.seconds

    def plainly_taken(self, count: int, size: int) -> float:
        """Events a second through the plain endpoint."""
        bodies = [[_columns(event) for event in self.events(size)] for _ in range(count // size)]
        path = "/events" if size == 1 else "/events/batch"
        requests = [
            _request(self._plain_port, path, json.dumps(body[0] if size == 1 else body).encode()) for body in bodies
        ]
        self.settle()
        outcome = run_load(Plan(self._plain_port, CONNECTIONS[size], requests))
        _check(outcome, 201)
        return count / outcome.seconds

    def latencies_ms(self, size: int, rate: float, seconds: float) -> list[float]:
        """From the moment a request was due, at `rate` events a second; sorted."""
        requests = [self._batch(place, self.events(size)) for place in range(int(rate * seconds / size))]
        self.settle()
        outcome = run_load(Plan(self._intake_port, CONNECTIONS[size], requests, interval_s=size / rate))
        _check(outcome, 202)
        return sorted(latency_s * 1e3 for latency_s in outcome.latencies_s)

    def _batch(self, place: int, events: Events) -> bytes:
        device = self._devices[place % len(self._devices)]
        batch = {"sent_at": datetime.now(UTC).isoformat(), "boot_id": "bench", "events": events}
        return _request(self._intake_port, "/v1/events", json.dumps(batch).encode(), device.token)


def _request(port: int, path: str, body: bytes, token: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _check(outcome: Outcome, status: int) -> None:
    if set(outcome.statuses) != {status}:
        raise RuntimeError(f"only {status} was expected, but the answers were {outcome.statuses}")


def _count(database: Database) -> int:
    with psycopg.connect(database.url("owner")) as connection:
        row = connection.execute("SELECT count(*) FROM events").fetchone()
        assert row is not None
        return int(row[0])


def _columns(event: dict[str, Any]) -> dict[str, Any]:
    """What a plain client would send for the same row."""
    columns = {key: event[key] for key in ("event_id", "seq", "started_at", "ended_at", "model_version")}
    columns |= {"device_id": 1, "kind": 1, "content": event["seq"], "coverage_ppm": round(event["coverage"] * 1e6)}
    if event["kind"] == "window":
        columns |= {"frames": event["frames"], "faces": event["faces"]}
        columns |= {f"{label}_ms": round(value * 1e3) for label, value in event["seconds"].items()}
        columns |= {f"{label}_ppm": round(value * 1e6) for label, value in event["mean_probability"].items()}
    return columns


def _row(event: dict[str, Any]) -> Row:
    """What COPY is given for the same row: Python values, made before the clock starts."""
    window = event["kind"] == "window"
    times = [datetime.fromisoformat(event[key]) for key in ("started_at", "ended_at")]
    labels = [*event.get("seconds", {}).values()], [*event.get("mean_probability", {}).values()]
    measures = [event["frames"], event["faces"], 900_000] if window else [None, None, 900_000]
    measures += [round(s * 1e3) for s in labels[0]] + [round(p * 1e6) for p in labels[1]] if window else [None] * 10
    episode = [None] * 5 if window else [UUID(event["episode_id"]), 1, 2, 950_000, 800_000]
    head = [UUID(event["event_id"]), event["seq"] % DEVICES, event["seq"], 1 if window else 2, *times, 0]
    return (*head, event["seq"], event["model_version"], *measures, *episode)


def _fdatasync_ms(folder: Path) -> float:
    """Median of writing 8 kB through to the disk: any commit costs at least this."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for _ in range(DISK_TRIES):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), bytes(8192), 0)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - begun) * 1e3)
    return statistics.median(took)


@contextmanager
def _plain_server(database: Database) -> Iterator[int]:
    """The plain endpoint in a process of its own, on the same kind of server as the intake."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.peers.plain:app", "--port", str(port)]
    command += ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, env=os.environ | {"PEER_DATABASE_URL": database.url("owner")})
    try:
        wait_until(lambda: _alive(port), "the plain endpoint")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _alive(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/livez").is_success
    except httpx.TransportError:
        return False


def _database(cluster: Cluster, name: str) -> Database:
    database = create_database(cluster, name)
    cli.prepare(database.urls)
    register_model(database.engine())
    return database


@contextmanager
def _contest() -> Iterator[tuple[Contest, float]]:
    folder = Path(tempfile.mkdtemp(prefix="stressvision-bench-"))
    folder.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        options = {"shared_buffers": "256MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
        postgres = start_postgres(folder / "postgres", durable=True, options=options)
        stack.callback(postgres.stop, "immediate")
        redis = start_redis(folder / "redis")
        stack.callback(redis.stop)
        cluster = prepare_cluster(postgres.url)
        peers, ours = _database(cluster, "peers"), _database(cluster, "ours")
        stack.callback(peers.dispose)
        stack.callback(ours.dispose)
        intake = IntakeProcess(make_settings(ours, redis.url))
        intake.start()
        stack.callback(intake.process.communicate)
        stack.callback(intake.process.terminate)
        plain = stack.enter_context(_plain_server(peers))
        yield Contest(postgres.url, ours, peers, intake.port, plain), _fdatasync_ms(folder)


def run() -> list[Entry]:
    with _contest() as (contest, disk_ms):
        contestants: dict[str, Callable[[], float]] = {
            "COPY, all in one go": lambda: contest.copied(EVENTS_AT_500, EVENTS_AT_500),
            "COPY, 500 a commit": lambda: contest.copied(EVENTS_AT_500, 500),
            "intake, 500 a request": lambda: contest.taken(EVENTS_AT_500, 500),
            "SQLModel add_all, 50 a request": lambda: contest.plainly_taken(PLAIN_EVENTS_AT_50, 50),
            "intake, 50 a request": lambda: contest.taken(EVENTS_AT_50, 50),
            "plain endpoint, 1 a request": lambda: contest.plainly_taken(PLAIN_EVENTS_AT_1, 1),
            "intake, 1 a request": lambda: contest.taken(EVENTS_AT_1, 1),
        }
        for measure in contestants.values():  # warm: plans, caches, pages
            measure()
        rounds = [{name: measure() for name, measure in contestants.items()} for _ in range(ROUNDS)]
        latencies_ms = [contest.latencies_ms(50, OPEN_RATE, OPEN_SECONDS) for _ in range(ROUNDS)]
    return [
        *_judge(rounds),
        *_judge_latency(latencies_ms),
        *_rates(rounds),
        shown("8 kB to the disk, p50", disk_ms, "ms"),
    ]


def _judge(rounds: list[dict[str, float]]) -> list[Entry]:
    def line(ours: str, theirs: str, bar: float, unit: str) -> Entry:
        ratios = sorted(measured[ours] / measured[theirs] for measured in rounds)
        note = f"rounds {ratios[0]:.2f} to {ratios[-1]:.2f}"
        return entry(f"{ours} / {theirs}", statistics.median(ratios), "≥", bar, unit, note)

    return [
        line("intake, 500 a request", "COPY, all in one go", 0.40, "×"),
        line("intake, 500 a request", "COPY, 500 a commit", 0.65, "×"),
        line("intake, 50 a request", "SQLModel add_all, 50 a request", 5.0, "×"),
        line("intake, 1 a request", "plain endpoint, 1 a request", 6.0, "×"),
    ]


def _judge_latency(rounds: list[list[float]]) -> list[Entry]:
    def share(latencies: list[float], part: float) -> float:
        return latencies[int(len(latencies) * part)]

    name = f"receipt at {OPEN_RATE} events/s in requests of 50"
    p99s = sorted(share(latencies, 0.99) for latencies in rounds)
    note = f"{sum(map(len, rounds))} requests, from when each was due; rounds {p99s[0]:.0f} to {p99s[-1]:.0f}"
    middle = statistics.median(share(latencies, 0.5) for latencies in rounds)
    return [entry(f"{name}, p99", statistics.median(p99s), "≤", 50, "ms", note), shown(f"{name}, p50", middle, "ms")]


def _rates(rounds: list[dict[str, float]]) -> list[Entry]:
    return [shown(name, statistics.median(measured[name] for measured in rounds), "events/s") for name in rounds[0]]
