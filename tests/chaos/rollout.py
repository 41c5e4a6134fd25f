"""A rollout to 200 devices over real HTTP while the worker, the intake and Postgres are killed; then a bad model.

Each device fetches the signed model by the agent's own code, every third one over a line that is slow and breaks.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import REGISTRY

from chaos.results import Line
from chaos.rollout_platform import BAD, EVERY_S, WEAK, Platform, content_of, digest_of, open_platform
from stressvision_store.rollouts.plans import Deadlines, Limits, Plan
from support.rollouts import NEW, Fleet
from support.servers import wait_until
from support.simulated import Simulated

DEVICES = 200
LATE = 10
VANISHING = 8
REFUSING = 3
BACK_S = 60
OUTAGE_S = 6.0
PLAN = Plan(
    canary_share=0.05,
    stages=(0.25, 1.0),
    soak_s=3,
    limits=Limits(observed_s=0),
    deadlines=Deadlines(offered_s=30, downloaded_s=30, verified_s=30, installed_s=30),
)


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
    time.sleep(2 * EVERY_S)
    platform.line.cut()
    done["line down"] += 1
    time.sleep(OUTAGE_S)
    platform.line.mend()
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
        member.refuses = frozenset({digest_of(NEW)})
    canary = len(fleet.at_stage(0))
    offered_early = 0

    def canary_holds() -> bool:
        nonlocal offered_early
        told = platform.herd.select(lambda member: digest_of(NEW) in member.seen)
        row = fleet.row()
        if row.stage == 0:
            offered_early = max(offered_early, len(told))
        return row.stage > 0

    started = time.monotonic()
    wait_until(lambda: canary_holds() or at(fleet, "canary", 0, 0.3), "the canary", timeout_s=120)
    done = break_things(platform, fleet, vanishing)
    platform.herd.members += platform.joining.join(LATE)
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
        lambda member: (states.get(member.device.id) == "confirmed") != (member.runs == digest_of(NEW))
    )
    told = ", ".join(f"{number} {state}" for state, number in Counter(states.values()).most_common())
    yield Line(
        f"rollout: {VANISHING} vanished and {LATE} late devices",
        f"lost, then confirmed {time.monotonic() - began:.0f} s after they were back",
        "all confirmed",
        met=states.keys() == {member.device.id for member in platform.herd.members},
    )
    yield Line("rollout: rows that do not say what the device runs", f"{len(wrong)} ({told})", "0", met=not wrong)
    yield fetched(platform)
    for member in refusing:
        member.refuses = frozenset()


def fetched(platform: Platform) -> Line:
    """What went over the lines for the files that arrived."""
    received, resumed = (counted(f"stressvision_agent_update_{name}_total") for name in ("downloaded_bytes", "resumed"))
    ways = [member.fetching for member in platform.herd.members if member.fetching is not None]
    whole = sum(digest_of(NEW) in way.here for way in ways)
    weak = sum(member.device.id % WEAK == 0 for member in platform.herd.members)
    share = received / (whole * len(content_of(NEW)))
    return Line(
        f"rollout: signed files fetched by {whole} devices, {weak} of them over a line that is slow and breaks",
        f"{received / 1e6:.0f} MB, {share:.3f} times the files; {platform.line.breaks} breaks, {resumed:.0f} resumed",
        "each byte once, all that were not refused",
        met=share == 1 and whole == DEVICES - REFUSING and resumed > 0,
    )


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def halt(platform: Platform) -> Iterator[Line]:
    """A slow model is stopped in the canary, and every device of it is back."""
    platform.repository.add(BAD, content_of(BAD))
    for member in platform.herd.members:
        member.slow = frozenset({digest_of(BAD)})
    fleet = begin(platform, BAD)
    canary = set(fleet.at_stage(0))
    running = lambda: platform.herd.select(lambda member: member.runs == digest_of(BAD))  # noqa: E731
    wait_until(lambda: bool(running()), "the first device with the slow model", timeout_s=60)
    began = time.monotonic()
    wait_until(lambda: fleet.state in ("rolling_back", "rolled_back") and not running(), "the way back", timeout_s=120)
    back_s = time.monotonic() - began
    wait_until(lambda: fleet.state == "rolled_back", "the end of the way back", timeout_s=120)
    told = platform.herd.select(lambda member: digest_of(BAD) in member.seen)
    outside = [member for member in told if member.device.id not in canary]
    yield Line(
        "rollout: a slow model, from its first use until no device runs it",
        f"{back_s:.0f} s, {len(told)} devices were told it, {len(outside)} outside the canary",
        f"≤ {BACK_S} s, 0 outside",
        met=back_s <= BACK_S and not outside and fleet.desired() == NEW,
    )


def run(folder: Path) -> Iterator[Line]:
    with open_platform(folder, DEVICES - LATE) as platform:
        yield from finish(platform)
        yield from halt(platform)
