"""An agent offline for days, killed with -9 over and over while the server goes and comes: each event arrives once.

Run alone: `PYTHONPATH=infra:tests python -m chaos spool`.
"""

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psycopg

from chaos.results import Line
from chaos.spool_agent import JOURNAL, MODEL, settings_for
from stressvision_agent.enrolment import join
from stressvision_agent.spool import DATABASE
from stressvision_agent.spool_status import read_status
from stressvision_store import cli
from support.database import Database, create_database, prepare_cluster
from support.intake import new_code, register_model
from support.servers import free_port, start_postgres, start_redis, wait_until

EVENTS = 100_000
KILLS = 50
OUTAGES = 6
TESTS = Path(__file__).parents[1]


@dataclass
class Intake:
    """The real intake as a process of its own."""

    environment: dict[str, str]
    port: int
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("stressvision-ingest"))],
                env=self.environment, stdout=log, stderr=log, cwd="/",
            )  # fmt: skip
        wait_until(self._is_ready, "readiness of the intake")

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(30)
            self.process = None

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).is_success
        except httpx.HTTPError:
            return False


@dataclass
class Tally:
    """What was produced, and where each of it is. `strange` are stored events that were not spooled as they are."""

    produced: int
    journaled: int
    stored: int
    different: int
    missing: int
    strange: int
    dead: int
    lost: int
    answered_twice: int
    waiting: int


def run(folder: Path, *, events: int = EVENTS, kills: int = KILLS, outages: int = OUTAGES) -> Iterator[Line]:
    postgres, redis = start_postgres(folder / "postgres", durable=True), start_redis(folder / "redis")
    try:
        cluster = prepare_cluster(postgres.url)
        database = create_database(cluster, "chaos")
        cli.prepare(database.urls)
        register_model(database.engine(), MODEL)
        intake = Intake(_environment(database, redis.url, port := free_port()), port, folder / "intake.log")
        try:
            yield from _lines(folder / "state", intake, database, events, kills, outages)
        finally:
            intake.stop(signal.SIGKILL)
            database.dispose()
    finally:
        redis.stop()
        postgres.stop("immediate")


def _environment(database: Database, redis_url: str, port: int) -> dict[str, str]:
    return {
        **os.environ,
        **database.environment,
        "STRESSVISION_ENV": "production",
        "STRESSVISION_REDIS_URL": redis_url,
        "STRESSVISION_INGEST_TOKEN_SECRET": secrets.token_urlsafe(32),
        "STRESSVISION_INGEST_HOST": "127.0.0.1",
        "STRESSVISION_INGEST_PORT": str(port),
        "STRESSVISION_INGEST_DEVICE_RATE": "1000000",
        "STRESSVISION_INGEST_DEVICE_BURST": "1000000",
    }


def _lines(state: Path, intake: Intake, database: Database, events: int, kills: int, outages: int) -> Iterator[Line]:
    intake.start()
    join(settings_for(state, intake.url), new_code(database.engine()))
    intake.stop(signal.SIGKILL)
    began = time.monotonic()
    _kill_over_and_over(state, intake, events, kills, outages)
    spooled = read_status(state / "spool" / DATABASE, _now()).events
    intake.start()
    drained = time.monotonic()
    _run_to_the_end(state, intake, events)
    tally = take_stock(state, database)
    took = f"{time.monotonic() - began:.0f} s, the last {spooled} events in {time.monotonic() - drained:.0f} s"
    exact = tally.stored == tally.produced >= events and not (tally.missing or tally.strange or tally.different)
    name = f"{events} events spooled, agent killed -9 {kills} times, server away {outages + 1} times"
    yield Line(name, f"{tally.stored} of {tally.produced} stored once; {took}", "every event exactly once", met=exact)
    books = f"{tally.produced} = {tally.stored} + {tally.dead} + {tally.lost}, {tally.answered_twice} sent again"
    balanced = tally.produced == tally.stored + tally.dead + tally.lost and tally.waiting == 0
    yield Line("produced = stored + rejected + lost", books, "equal, nothing rejected or lost", met=balanced and exact)


def _now() -> datetime:
    return datetime.now(UTC)


def _start_agent(state: Path, intake: Intake, events: int, *how: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "chaos.spool_agent", str(state), intake.url, str(events), *how]
    with (state / "agent.log").open("ab") as log:
        return subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(TESTS)}, stdout=log, stderr=log)


def _kill_over_and_over(state: Path, intake: Intake, events: int, kills: int, outages: int) -> None:
    """A third of the kills offline, the others while the server comes and goes; the target rises from life to life."""
    offline = kills // 3
    turns = {offline + (kills - offline) * k // (2 * outages) for k in range(2 * outages)}
    for kill in range(kills):
        if kill in turns and intake.process:
            intake.stop(random.choice((signal.SIGKILL, signal.SIGTERM)))
        elif kill in turns:
            intake.start()
        before = _journal_bytes(state)
        agent = _start_agent(state, intake, events * (kill + 1) // kills, "stay")
        try:
            _await_life(state, agent, before)
            time.sleep(random.uniform(0, 1.0))
        finally:
            agent.kill()
            agent.wait()


def _await_life(state: Path, agent: "subprocess.Popen[bytes]", before: int) -> None:
    wait_until(lambda: _journal_bytes(state) > before or agent.poll() is not None, "a first event of this life")
    if agent.poll() is not None:
        raise RuntimeError(f"the agent ended by itself: {(state / 'agent.log').read_text()[-2000:]}")


def _run_to_the_end(state: Path, intake: Intake, events: int) -> None:
    agent = _start_agent(state, intake, events)
    try:
        if agent.wait(600) != 0:
            raise RuntimeError(f"the agent ended with {agent.returncode}: {(state / 'agent.log').read_text()[-2000:]}")
    finally:
        agent.kill()
        agent.wait()


def _journal_bytes(state: Path) -> int:
    journal = state / JOURNAL
    return journal.stat().st_size if journal.exists() else -1


def take_stock(state: Path, database: Database) -> Tally:
    """Compare the journal, the spool and the database, event by event."""
    status = read_status(state / "spool" / DATABASE, _now())
    journal = dict(map(int, line.split()) for line in (state / JOURNAL).read_text().splitlines())
    with psycopg.connect(database.url("owner")) as connection:
        rows = connection.execute("SELECT seq, coalesce(frames, 0), kind, coalesce(lost, 0) FROM events").fetchall()
        (dead,) = connection.execute("SELECT count(*) FROM dead_letters").fetchone() or (0,)
        tallies = "SELECT coalesce(sum(stored), 0), coalesce(sum(duplicate), 0) FROM intake_tallies"
        counted, again = connection.execute(tallies).fetchone() or (0, 0)
    stored = {seq: frames for seq, frames, *_ in rows}
    if len(rows) != counted:
        raise AssertionError(f"the intake counted {counted} events and holds {len(rows)}")
    return Tally(
        produced=status.next_seq,
        journaled=len(journal),
        stored=len(rows),
        different=sum(stored.get(seq, frames) != frames for seq, frames in journal.items()),
        missing=len(set(range(status.next_seq)) - stored.keys()) + len(journal.keys() - stored.keys()),
        strange=len(stored.keys() - set(range(status.next_seq))) + len(rows) - len(stored),
        dead=int(dead),
        lost=sum(lost for *_, lost in rows),
        answered_twice=int(again),
        waiting=status.events + status.set_aside,
    )
