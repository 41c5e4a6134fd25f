"""A rollout on a real database: it goes on by itself, halts by itself, and takes the model back."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from stressvision_store.refusals import ConflictError
from stressvision_store.rollouts.plans import Deadlines, Limits, Plan
from support import workforce
from support.database import Database
from support.rollouts import DIGESTS, NEW, OLD, Fleet
from support.servers import wait_until

pytestmark = pytest.mark.db
PLAN = Plan(canary_share=0.1, stages=(0.5, 1.0), soak_s=60, limits=Limits(observed_s=0))


def test_a_model_comes_to_the_fleet_in_stages(database: Database) -> None:
    fleet = Fleet.of(database, 20)
    fleet.begin(PLAN)
    canary, middle, rest = (fleet.at_stage(stage) for stage in range(3))
    assert (len(canary), len(middle), len(rest)) == (2, 8, 10)
    assert {fleet.told(device) for device in canary} == {NEW}
    assert {fleet.told(device) for device in middle + rest} == {OLD}

    for state in ("downloaded", "verified"):
        fleet.beat(canary[0], state=state)
    assert fleet.beat(canary[0], runs=NEW, state="installed").digest == DIGESTS[NEW]
    fleet.confirm(canary)
    assert fleet.step() == []
    fleet.wait(seconds=61)
    (move,) = fleet.step()
    assert (move.before, move.after) == ("canary", "expanding")
    assert {fleet.told(device) for device in middle} == {NEW}
    assert {fleet.told(device) for device in rest} == {OLD}

    fleet.confirm(middle)
    fleet.wait(seconds=61)
    fleet.step()
    assert (fleet.state, fleet.row().stage) == ("expanding", 2)
    fleet.confirm(rest)
    fleet.wait(seconds=61)
    fleet.step()
    assert (fleet.state, fleet.desired()) == ("complete", NEW)
    assert fleet.step() == []


def test_a_device_is_confirmed_only_while_it_runs_the_model(database: Database) -> None:
    fleet = Fleet.of(database, 2)
    fleet.begin(Plan(canary_share=1.0, soak_s=0))
    one, _ = fleet.devices
    fleet.beat(one, runs=OLD, state="confirmed")
    assert fleet.states()[one] == "offered", "it says so, and runs another"
    fleet.beat(one, runs=NEW, state="confirmed", of=OLD)
    assert fleet.states()[one] == "installed", "it speaks of another version"
    fleet.confirm([one])
    assert fleet.states()[one] == "confirmed"
    fleet.beat(one, runs=None)
    assert fleet.states()[one] == "confirmed", "it says nothing while it starts"
    fleet.beat(one, runs=OLD, state="confirmed")
    target = fleet.targets()[one]
    assert (target.state, target.deadline_at is not None) == ("offered", True)


def test_a_device_that_vanishes_is_lost_and_continues_when_it_is_back(database: Database) -> None:
    fleet = Fleet.of(database, 10)
    fleet.begin(Plan(canary_share=0.5, soak_s=0, limits=Limits(observed_s=0), deadlines=Deadlines(offered_s=600)))
    canary = fleet.at_stage(0)
    fleet.confirm(canary[1:])
    fleet.beat(canary[0], state="downloaded")
    fleet.wait(seconds=899)
    fleet.step()
    assert fleet.states()[canary[0]] == "downloaded"
    fleet.wait(seconds=2)
    fleet.step()
    target = fleet.targets()[canary[0]]
    assert (target.state, target.reason) == ("lost", "it was downloaded and came no further in time")
    assert fleet.state == "expanding", "nobody waits for it"
    assert fleet.beat(canary[0]).version == NEW, "it is told again"
    fleet.beat(canary[0], runs=NEW, state="installed")
    fleet.confirm(canary[:1])
    assert fleet.states()[canary[0]] == "confirmed"


@pytest.mark.parametrize(("told", "state"), [(True, "halted"), (False, "canary")])
def test_only_devices_that_were_told_of_the_model_are_lost_to_it(database: Database, told: bool, state: str) -> None:
    fleet = Fleet.of(database, 4)
    for device in fleet.devices:
        fleet.beat(device)
    fleet.wait(seconds=1)
    fleet.begin(Plan(canary_share=0.5, limits=Limits(lost=0)))
    if told:
        fleet.beat(fleet.at_stage(0)[0])
    fleet.wait(hours=1)
    fleet.step()
    assert [fleet.states()[device] for device in fleet.at_stage(0)] == ["lost", "lost"]
    assert fleet.state == state


def test_a_device_that_is_revoked_meanwhile_is_not_waited_for(database: Database) -> None:
    fleet = Fleet.of(database, 2)
    fleet.begin(Plan(canary_share=1.0, soak_s=0, limits=Limits(lost=0)))
    one, other = fleet.devices
    fleet.beat(one)
    fleet.revoke(one)
    fleet.confirm([other])
    fleet.step()
    target = fleet.targets()[one]
    assert (fleet.state, target.state, target.reason) == ("complete", "lost", "it was revoked")


def test_a_device_that_sees_no_face_stays_installed_and_is_not_lost(database: Database) -> None:
    fleet = Fleet.of(database, 2)
    fleet.begin(Plan(canary_devices=tuple(fleet.devices[:1]), limits=Limits(observed_s=0)))
    one = fleet.devices[0]
    fleet.beat(one, runs=NEW, state="installed")
    for _ in range(5):
        fleet.wait(minutes=50)
        fleet.beat(one, runs=NEW, state="installed")
        fleet.step()
    assert (fleet.state, fleet.states()[one]) == ("canary", "installed")
    fleet.wait(minutes=61)
    fleet.step()
    assert fleet.states()[one] == "lost"


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ({"runs": OLD, "state": "rejected", "reason": "no signature"}, "failed"),
        ({"runs": OLD, "state": "reverted", "reason": "slow"}, "failed"),
        ({"runs": NEW, "state": "confirmed", "inference_p95_s": 0.2}, "slow"),
        ({"runs": NEW, "state": "installed", "bad_outputs": 3}, "bad_outputs"),
    ],
)
def test_harm_in_the_canary_halts_and_takes_the_model_back(database: Database, said: dict, cause: str) -> None:
    fleet = Fleet.of(database, 10)
    fleet.begin(Plan(canary_share=0.2))
    canary = fleet.at_stage(0)
    fleet.beat(canary[0], **said)
    (move,) = fleet.step()
    assert (move.after, move.cause) == ("halted", cause)
    assert {fleet.told(device) for device in fleet.devices} == {OLD}
    assert [move.after for move in fleet.step()] == ["rolling_back"]
    assert fleet.step() == [], "one may still have it"
    for device in canary:
        fleet.beat(device, runs=OLD)
    fleet.step()
    row = fleet.row()
    assert (row.state, row.cause, row.live, row.deadline_at) == ("rolled_back", cause, False, None)
    assert set(fleet.states().values()) <= {"waiting", "rejected", "reverted"}
    assert fleet.desired() == OLD


def test_a_roll_back_ends_at_its_deadline_and_says_who_is_missing(database: Database) -> None:
    fleet = Fleet.of(database, 4)
    fleet.begin(Plan(canary_share=0.5))
    fleet.confirm(fleet.at_stage(0)[:1])
    assert fleet.order("halt", reason="no good") == "halted"
    fleet.step()
    fleet.wait(hours=1, seconds=1)
    fleet.step()
    row = fleet.row()
    assert (row.state, row.cause) == ("rolled_back", "operator")
    assert row.reason == "no good; 2 devices have not said that they are back"
    assert [fleet.states()[device] for device in fleet.at_stage(0)] == ["lost", "lost"]


def test_one_that_stalls_is_paused_at_its_deadline_and_resumed_by_an_operator(database: Database) -> None:
    fleet = Fleet.of(database, 4)
    fleet.begin(Plan(canary_share=0.5, soak_s=0, limits=Limits(lost=1)))
    one, _ = fleet.at_stage(0)
    fleet.confirm([one])
    fleet.wait(days=1)
    (move,) = fleet.step()
    assert (move.after, move.cause) == ("paused", "no_data"), "the lost one is not waited for; the data are"
    assert fleet.order("resume", without_comparison=True) == "canary"
    assert fleet.row().deadline_at == fleet.now + timedelta(days=1)
    fleet.step()
    assert fleet.state == "expanding"
    assert fleet.order("pause", reason=None) == "paused"
    assert fleet.told(fleet.at_stage(1)[0]) == NEW, "what was offered stays"
    fleet.wait(days=7)
    fleet.step()
    assert (fleet.state, fleet.row().cause) == ("halted", "deadline")


def test_late_devices_join_once_the_canary_has_passed(database: Database) -> None:
    fleet = Fleet.of(database, 4)
    fleet.begin(Plan(canary_share=0.25, stages=(0.5, 1.0), soak_s=0, limits=Limits(observed_s=0)))
    early, late, last = workforce.devices(database, 3)
    assert fleet.beat(early).version == OLD
    assert early not in fleet.states()
    fleet.confirm(fleet.at_stage(0))
    fleet.step()
    assert fleet.beat(late).version == OLD
    assert fleet.states()[late] == "waiting", "it belongs to the last stage"
    fleet.confirm(fleet.at_stage(1))
    fleet.step()
    assert fleet.beat(late).version == NEW
    fleet.confirm(fleet.at_stage(2))
    fleet.step()
    assert fleet.state == "complete"
    assert fleet.beat(last).version == NEW
    fleet.confirm([last])
    assert fleet.states()[last] == "confirmed"
    fleet.beat(early)
    fleet.wait(hours=2)
    fleet.step()
    assert fleet.states()[early] == "lost", "deadlines hold after the end, too"
    fleet.confirm([early])
    assert fleet.states()[early] == "confirmed"


def live(fleet: Fleet, mine: list[int], over: threading.Event) -> None:
    """Devices that go one step of the way with each heartbeat."""
    way = dict.fromkeys(mine, -1)
    states = ("downloaded", "verified", "installed", "confirmed")
    while not over.is_set():
        for device in (each for each in mine if fleet.told(each) == NEW):
            place = way[device] = min(way[device] + 1, 3)
            fleet.beat(device, runs=NEW if place > 1 else OLD, state=states[place])


def drive(fleet: Fleet, over: threading.Event) -> None:
    while not over.is_set():
        fleet.wait(seconds=0.01)
        fleet.step()


def meddle(fleet: Fleet) -> None:
    with suppress(ConflictError):  # when it is over
        for _ in range(5):
            fleet.order("pause", reason=None)
            fleet.order("resume", without_comparison=False)


def test_heartbeats_steps_and_orders_at_once_do_not_hinder_each_other(database: Database) -> None:
    fleet = Fleet.of(database, 24)
    fleet.begin(Plan(canary_share=0.25, stages=(0.5, 1.0), soak_s=0, limits=Limits(observed_s=0)))
    over = threading.Event()
    with ThreadPoolExecutor(7) as pool:
        work = [pool.submit(live, fleet, fleet.devices[start::4], over) for start in range(4)]
        work += [pool.submit(drive, replace(fleet), over), pool.submit(drive, replace(fleet), over)]
        work += [pool.submit(meddle, fleet)]
        try:
            wait_until(lambda: set(fleet.states().values()) == {"confirmed"} and fleet.state == "complete", "the end")
        finally:
            over.set()
        for each in work:
            each.result()
