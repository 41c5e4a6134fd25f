"""A rollout to 200 devices over real HTTP while the worker, the intake and Postgres are killed; then a bad model."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from chaos.results import Line
from stressvision_store import cli
from stressvision_store.rollouts.plans import Deadlines, Limits, Plan
from support import intake
from support.database import Database, create_database, prepare_cluster
from support.rollouts import DIGESTS, NEW, OLD, Fleet, register
from support.servers import PostgresServer, start_postgres, start_redis, wait_until
from support.simulated import Herd, LoggedIntake, Simulated
from support.workers import Daemon, environment

DEVICES = 200
LATE = 10
VANISHING = 8
REFUSING = 3
EVERY_S = 2.0
BAD = "company5-3.0.0"
BACK_S = 60
PLAN = Plan(
    canary_share=0.05,
    stages=(0.25, 1.0),
    soak_s=3,
    limits=Limits(observed_s=0),
    deadlines=Deadlines(offered_s=25, downloaded_s=25, verified_s=25, installed_s=25),
)


@dataclass
class Platform:
    postgres: PostgresServer
    database: Database
    intake: LoggedIntake
    client: httpx.Client
    worker: Daemon
    beat: Daemon
    herd: Herd

    def kill(self, *parts: str) -> None:
        """kill -9 of each, then start them again."""
        named = {"intake": self.intake, "worker": self.worker, "beat": self.beat}
        for part in parts:
            named[part].kill()
        for part in parts:
            named[part].start()


@contextmanager
def open_platform(folder: Path) -> Iterator[Platform]:
    """Every process as the product runs it; all but the late devices are enrolled and beat."""
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
        for version in (OLD, NEW):
            register(database, version, desired=version == OLD)
        worker.wait_ready()
        client = stack.enter_context(httpx.Client(base_url=server.url, timeout=10))
        herd = Herd(enrol(database, client, DEVICES - LATE), every_s=EVERY_S)
        with herd.beating():
            yield Platform(postgres, database, server, client, worker, beat, herd)


def enrol(database: Database, client: httpx.Client, count: int) -> list[Simulated]:
    with ThreadPoolExecutor(4) as pool:
        joined = list(pool.map(lambda _: intake.join(client, database.engine()), range(count)))
    return [Simulated(device, runs=DIGESTS[OLD], version=OLD) for device in joined]


def begin(platform: Platform, version: str) -> Fleet:
    fleet = Fleet(platform.database, [member.device.id for member in platform.herd.members])
    fleet.begin(PLAN, version)
    return fleet


def at(fleet: Fleet, state: str, stage: int, share: float = 0.0) -> bool:
    """Whether that stage is reached and that share of its devices confirmed (or it is over)."""
    row = fleet.row()
    if (row.state, row.stage) != (state, stage):
        return row.state == "complete" or row.stage > stage
    targets = [target for target in fleet.targets().values() if target.stage <= stage]
    return sum(target.state == "confirmed" for target in targets) >= share * len(targets)


def break_things(platform: Platform, fleet: Fleet, vanishing: list[Simulated]) -> Counter[str]:
    """Kill each part in some stage; some devices vanish in the last one, when they were just offered the model."""
    done: Counter[str] = Counter()

    def kill(*parts: str) -> None:
        platform.kill(*parts)
        done.update(f"{part} killed" for part in parts)

    wait_until(lambda: at(fleet, "canary", 0, 0.3), "a third of the canary", timeout_s=120)
    kill("worker")
    wait_until(lambda: at(fleet, "expanding", 1, 0.4), "the second stage", timeout_s=240)
    kill("intake")
    platform.postgres.restart("immediate")
    done["Postgres restarted"] += 1
    wait_until(lambda: at(fleet, "expanding", 2), "the third stage", timeout_s=240)
    for member in vanishing:
        member.vanished = True
    wait_until(lambda: at(fleet, "expanding", 2, 0.3), "a third of the third stage", timeout_s=240)
    kill("intake", "worker", "beat")
    return done


def finish(platform: Platform) -> Iterator[Line]:
    """The rollout itself, with what became of every device."""
    chance = random.Random(7)
    fleet = begin(platform, NEW)
    last = set(fleet.at_stage(2))
    others = platform.herd.select(lambda member: member.device.id in last)
    picked = chance.sample(others, VANISHING + REFUSING)
    vanishing, refusing = picked[:VANISHING], picked[VANISHING:]
    for member in refusing:
        member.refuses = frozenset({DIGESTS[NEW]})
    canary = len(fleet.at_stage(0))
    offered_early = 0

    def canary_holds() -> bool:
        nonlocal offered_early
        told = platform.herd.select(lambda member: DIGESTS[NEW] in member.seen)
        row = fleet.row()
        if row.stage == 0:
            offered_early = max(offered_early, len(told))
        return row.stage > 0

    started = time.monotonic()
    wait_until(lambda: canary_holds() or at(fleet, "canary", 0, 0.3), "the canary", timeout_s=120)
    done = break_things(platform, fleet, vanishing)
    platform.herd.members += enrol(platform.database, platform.client, LATE)
    wait_until(lambda: fleet.state == "complete", "the end of the rollout", timeout_s=300)
    took_s = time.monotonic() - started
    yield Line(
        f"rollout: {DEVICES} devices, " + ", ".join(f"{what} {times}×" for what, times in done.items()),
        f"complete after {took_s:.0f} s, {offered_early} told before the canary passed",
        f"complete, ≤ {canary} told",
        met=offered_early <= canary,
    )
    gone = [member.device.id for member in vanishing]
    wait_until(lambda: {fleet.states()[device] for device in gone} == {"lost"}, "the lost devices", timeout_s=90)
    for member in vanishing:
        member.vanished = False
    yield from account(platform, fleet, refusing)


def account(platform: Platform, fleet: Fleet, refusing: list[Simulated]) -> Iterator[Line]:
    """Late and lost devices get the model; then every row says what its device really runs."""
    expected = Counter(confirmed=DEVICES - REFUSING, rejected=REFUSING)
    began = time.monotonic()
    wait_until(lambda: Counter(fleet.states().values()) == expected, "the last devices", timeout_s=120)
    states = fleet.states()
    wrong = platform.herd.select(
        lambda member: (states.get(member.device.id) == "confirmed") != (member.runs == DIGESTS[NEW])
    )
    told = ", ".join(f"{number} {state}" for state, number in Counter(states.values()).most_common())
    yield Line(
        f"rollout: {VANISHING} vanished and {LATE} late devices",
        f"lost, then confirmed {time.monotonic() - began:.0f} s after they were back",
        "all confirmed",
        met=states.keys() == {member.device.id for member in platform.herd.members},
    )
    yield Line("rollout: rows that do not say what the device runs", f"{len(wrong)} ({told})", "0", met=not wrong)
    for member in refusing:
        member.refuses = frozenset()


def halt(platform: Platform) -> Iterator[Line]:
    """A slow model is stopped in the canary, and every device of it is back."""
    DIGESTS[BAD] = "2" * 64
    register(platform.database, BAD)
    for member in platform.herd.members:
        member.slow = frozenset({DIGESTS[BAD]})
    fleet = begin(platform, BAD)
    canary = set(fleet.at_stage(0))
    running = lambda: platform.herd.select(lambda member: member.runs == DIGESTS[BAD])  # noqa: E731
    wait_until(lambda: bool(running()), "the first device with the slow model", timeout_s=60)
    began = time.monotonic()
    wait_until(lambda: fleet.state in ("rolling_back", "rolled_back") and not running(), "the way back", timeout_s=120)
    back_s = time.monotonic() - began
    wait_until(lambda: fleet.state == "rolled_back", "the end of the way back", timeout_s=120)
    told = platform.herd.select(lambda member: DIGESTS[BAD] in member.seen)
    outside = [member for member in told if member.device.id not in canary]
    yield Line(
        "rollout: a slow model, from its first use until no device runs it",
        f"{back_s:.0f} s, {len(told)} devices were told it, {len(outside)} outside the canary",
        f"≤ {BACK_S} s, 0 outside",
        met=back_s <= BACK_S and not outside and fleet.desired() == NEW,
    )


def run(folder: Path) -> Iterator[Line]:
    with open_platform(folder) as platform:
        yield from finish(platform)
        yield from halt(platform)
