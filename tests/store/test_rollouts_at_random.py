"""Whatever devices say, in whatever order, while clocks move and people meddle: a rollout does only what it may."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stressvision_store.refusals import ConflictError
from stressvision_store.rollout_tables import LIVE, OVER, UNDER_WAY
from stressvision_store.rollouts.plans import Deadlines, Limits, Plan
from support import workforce
from support.database import Database
from support.rollouts import NEW, OLD, Fleet

pytestmark = pytest.mark.db

SIZE = 10
PLAN = Plan(
    canary_share=0.3,
    stages=(0.6, 1.0),
    soak_s=30,
    limits=Limits(observed_s=0, failed=0.4, lost=0.5),
    deadlines=Deadlines(offered_s=120, downloaded_s=120, verified_s=120, installed_s=120, stage_s=900, pause_s=600),
)
ROLLOUT_MOVES = {
    "canary": {"expanding", "complete", "paused", "halted", "rolling_back"},
    "expanding": {"expanding", "complete", "paused", "halted", "rolling_back"},
    "paused": {"canary", "expanding", "halted", "rolling_back"},
    "halted": {"rolling_back"},
    "rolling_back": {"rolled_back"},
    "complete": {"rolling_back"},
    "rolled_back": set(),
}
GONE = {"rejected", "reverted", "lost"}
DEVICE_MOVES = {
    "waiting": {"offered"},
    "offered": {"downloaded", "verified", "installed", "confirmed"} | GONE,
    "downloaded": {"verified", "installed", "confirmed"} | GONE,
    "verified": {"installed", "confirmed"} | GONE,
    "installed": {"confirmed"} | GONE,
    "confirmed": {"offered", "rejected", "reverted", "lost"},
    "rejected": {"downloaded", "verified", "installed", "confirmed", "reverted"},
    "lost": {"downloaded", "verified", "installed", "confirmed", "rejected", "reverted"},
    "reverted": set(),
}

WORDS = st.sampled_from(["downloaded", "verified", "installed", "confirmed", "confirmed", "rejected", "reverted", None])
RUNS, SPEAKS_OF = st.sampled_from([OLD, NEW, NEW, None]), st.sampled_from([NEW, NEW, OLD])
BEATS = st.tuples(st.just("beat"), st.integers(0, SIZE + 1), WORDS, RUNS, SPEAKS_OF)
HERD = st.tuples(st.just("herd"), st.sampled_from(["confirmed", "installed"]))
WAITS = st.tuples(st.just("wait"), st.sampled_from([1, 31, 31, 121, 601, 901, -60]))
ORDERS = st.tuples(st.just("order"), st.sampled_from(["pause", "resume", "halt", "roll_back"]))
STEPS = st.tuples(st.just("step"))
ACTS = st.lists(st.one_of(BEATS, BEATS, HERD, WAITS, STEPS, STEPS, ORDERS), max_size=30)


@pytest.fixture(scope="module")
def fresh(shared_database: Database) -> Iterator[Database]:
    yield shared_database
    forget(shared_database)


def forget(database: Database) -> None:
    with database.engine().begin() as connection:
        connection.exec_driver_sql(
            "TRUNCATE rollout_devices, rollouts, device_boots, device_states, devices, model_versions CASCADE"
        )


class Watched(Fleet):
    """A fleet whose every change is checked."""

    latecomers: tuple[int, ...] = ()
    before: tuple[str, int, dict[int, str]] = ("", 0, {})
    last_digest: dict[int, str | None]
    offered_in_canary: set[int]

    def look(self) -> None:
        row, targets = self.row(), self.targets()
        states = {device: target.state for device, target in targets.items()}
        state, stage, known = self.before
        if state:
            assert row.state == state or row.state in ROLLOUT_MOVES[state], (state, row.state)
            assert row.stage in (stage, stage + 1)
        for device, now in states.items():
            then = known.get(device, "waiting")
            assert now == then or now in DEVICE_MOVES[then] or self._skipped(then, now), (then, now)
        assert (row.deadline_at is None) == (row.state in OVER)
        assert row.live == (row.state in LIVE)
        for target in targets.values():
            assert (target.deadline_at is not None) == (target.state in UNDER_WAY)
            assert target.state == "waiting" or target.stage <= row.stage
        self._check_promises(row.stage, row.state, states)
        self.before = row.state, row.stage, states

    def _skipped(self, then: str, now: str) -> bool:
        """Two moves in one look: offered by the step, and given up or back by another."""
        return any(now in DEVICE_MOVES[between] for between in DEVICE_MOVES[then])

    def _check_promises(self, stage: int, rollout: str, states: dict[int, str]) -> None:
        for device, state in states.items():
            if state == "confirmed":
                assert self.last_digest.get(device) == NEW, "confirmed, and it runs another"
        if stage == 0:
            self.offered_in_canary |= {device for device, state in states.items() if state != "waiting"}
            assert len(self.offered_in_canary) <= PLAN.canary_share * SIZE
        told = {device for device, version in self.all_told().items() if version == NEW}
        assert told <= {device for device, state in states.items() if state != "waiting"} or rollout == "complete"
        assert rollout == "rolled_back" or not any(
            now == "lost" and self.before[2].get(device) == "confirmed" for device, now in states.items()
        )
        if rollout in ("halted", "rolling_back", "rolled_back"):
            assert not told

    def act(self, act: tuple[Any, ...]) -> None:
        match act:
            case ("beat", place, said, runs, of):
                device = [*self.devices, *self.latecomers][place]
                self.last_digest[device] = runs if runs is not None else self.last_digest.get(device)
                self.beat(device, runs=runs, state=said, of=of)
            case ("herd", said):
                for device, version in self.all_told().items():
                    if version == NEW:
                        self.last_digest[device] = NEW
                        self.beat(device, runs=NEW, state=said)
            case ("wait", seconds):
                self.wait(seconds=seconds)
            case ("order", verb):
                words = {"without_comparison": False} if verb == "resume" else {"reason": None}
                with suppress(ConflictError):
                    self.order(verb, **words)
            case ("step",):
                self.step()


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=ACTS)
def test_a_rollout_does_only_what_it_may_and_always_ends(fresh: Database, acts: list[tuple[Any, ...]]) -> None:
    forget(fresh)
    made = Fleet.of(fresh, SIZE)
    fleet = Watched(fresh, made.devices, now=made.now)
    fleet.latecomers = tuple(workforce.devices(fresh, 2))
    with fresh.engine().begin() as connection:  # not there yet when it begins
        connection.exec_driver_sql(f"UPDATE devices SET revoked_at = now() WHERE id IN {fleet.latecomers}")
    fleet.last_digest, fleet.offered_in_canary = {}, set()
    fleet.begin(PLAN)
    fleet.look()
    for act in acts:
        fleet.act(act)
        fleet.look()

    if fleet.state not in OVER:
        fleet.order("roll_back", reason=None) if fleet.state == "halted" else _halt(fleet)
    for _ in range(4):
        fleet.step()
        fleet.look()
        fleet.wait(hours=2)
    assert fleet.state in OVER
    assert fleet.desired() == (NEW if fleet.state == "complete" else OLD)


def _halt(fleet: Watched) -> None:
    if fleet.state != "rolling_back":
        fleet.order("halt", reason=None)


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.permutations(range(6)), pauses=st.lists(st.integers(0, 100), min_size=12, max_size=12))
def test_a_fleet_that_does_well_ends_complete_in_any_order(
    fresh: Database, order: list[int], pauses: list[int]
) -> None:
    forget(fresh)
    fleet = Fleet.of(fresh, 6)
    fleet.begin(Plan(canary_share=0.2, stages=(0.5, 1.0), soak_s=10, limits=Limits(observed_s=0)))
    waits = iter(pauses)
    ends: list[datetime] = []
    while fleet.state != "complete":
        for place in order:
            device = fleet.devices[place]
            if fleet.told(device) == NEW:
                fleet.confirm([device])
        fleet.wait(seconds=next(waits, 20))
        fleet.step()
        ends.append(fleet.now)
        assert len(ends) < 60
    assert set(fleet.states().values()) == {"confirmed"}
    assert ends[-1] - ends[0] < timedelta(hours=1)
