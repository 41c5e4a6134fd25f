"""The new model's devices against the control group: what is judged, what is missing, and never a silent pass."""

from datetime import timedelta

import psycopg
import pytest

from stressvision_store.rollouts.comparison import Comparison, Seen, distance
from stressvision_store.rollouts.plans import Limits, Plan, stages_of
from support.database import Database
from support.intake import uuid7
from support.rollouts import NEW, OLD, Fleet

PLAN = Plan(canary_share=0.5, soak_s=0, limits=Limits(observed_s=600))
USUAL = {"neutral": 40, "stress": 8, "sad": 2, "happy": 4, "fatigue": 6}


def seen(unknown: float = 0.1, captured_s: float = 3600, **seconds: float) -> Seen:
    return Seen(captured_s=captured_s, observed_s=captured_s * (1 - unknown), seconds=seconds or USUAL)


def test_the_distance_is_between_shares() -> None:
    assert distance(seen(neutral=10), seen(neutral=600)) == 0
    assert distance(seen(neutral=1), seen(fatigue=5)) == 1
    assert distance(seen(neutral=3, happy=1), seen(neutral=1, happy=1)) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("before", "cause"),
    [
        (Seen(), "class_mix"),
        (seen(captured_s=60, happy=60), "class_mix"),
        (seen(), "class_mix"),
        (seen(neutral=1, happy=60), None),
    ],
)
def test_a_station_that_was_unlike_the_others_before_is_no_harm(before: Seen, cause: str | None) -> None:
    fault = Comparison(seen(happy=60), seen(), before).fault(Limits())
    assert (fault[0] if fault else None) == cause
    darker = Comparison(seen(unknown=0.6), seen(), seen(unknown=0.5)).fault(Limits())
    assert darker is None


@pytest.mark.parametrize(
    ("new", "cause"),
    [
        (seen(), None),
        (seen(unknown=0.25), None),
        (seen(unknown=0.5), "unknown"),
        (seen(unknown=1.0), "unknown"),
        (seen(happy=60), "class_mix"),
        (seen(captured_s=60, happy=60), None),
        (seen(captured_s=60, unknown=1.0), None),
    ],
)
def test_harm_is_told_once_enough_is_known(new: Seen, cause: str | None) -> None:
    fault = Comparison(new, seen()).fault(Limits())
    assert (fault[0] if fault else None) == cause


def test_what_is_missing_is_said() -> None:
    assert Comparison(seen(), seen()).missing(Limits()) is None
    told = Comparison(seen(captured_s=100), Seen()).missing(Limits())
    assert told == "not enough data: new model 90 of 1800 s, control group 0 of 1800 s observed"


def test_a_comparison_is_kept_as_it_was() -> None:
    made = Comparison(seen(0.25, happy=1.5), seen(0.5), seen(0.4))
    assert Comparison.from_json(made.as_json(Limits())) == made


@pytest.mark.parametrize(
    ("plan", "size", "counts"),
    [
        (Plan(canary_share=0.05, stages=(0.25, 1.0)), 200, [10, 40, 150]),
        (Plan(canary_share=0.05, stages=(0.05, 0.25, 1.0)), 200, [10, 40, 150]),
        (Plan(canary_share=0.1), 3, [1, 0, 2]),
        (Plan(canary_share=0.29, stages=(1.0,)), 100, [29, 71]),
        (Plan(canary_share=1.0), 4, [4]),
        (Plan(canary_devices=(3, 1), stages=(0.5, 1.0)), 10, [2, 3, 5]),
        (Plan(canary_devices=(3, 1, 4, 5, 9, 2, 6), stages=(0.5, 1.0)), 10, [7, 0, 3]),
    ],
)
def test_stages_are_never_larger_than_their_shares(plan: Plan, size: int, counts: list[int]) -> None:
    stages = stages_of(plan, list(range(1, size + 1)))
    assert [list(stages.values()).count(stage) for stage in range(plan.last_stage + 1)] == counts
    assert {stages[device] for device in plan.canary_devices} <= {0}


def observe(database: Database, fleet: Fleet, device: int, model: str, *, minutes: int, coverage: float = 0.9,
            **seconds: float) -> None:  # fmt: skip
    """Windows of a minute each, before now; `seconds` by class in each."""
    mix = seconds or USUAL
    with psycopg.connect(database.url("owner"), autocommit=True) as connection:
        for minute in range(minutes):
            ended_at = fleet.now - timedelta(minutes=minute)
            columns = ", ".join(f"{label}_ms" for label in mix)
            values = ", ".join(str(round(each * 1000)) for each in mix.values())
            connection.execute(
                "INSERT INTO events (event_id, device_id, seq, kind, started_at, ended_at, clock_shift_ms, content,"
                f" model_version, frames, faces, coverage_ppm, {columns})"
                f" VALUES (%s, %s, %s, 1, %s, %s, 0, 0, %s, 600, 500, %s, {values})",
                (uuid7(ended_at), device, minute, ended_at - timedelta(seconds=60), ended_at, model, coverage * 1e6),
            )


def confirmed(database: Database) -> tuple[Fleet, int, int]:
    """Two devices, of which the first runs the new model since half an hour, and one that waits."""
    fleet = Fleet.of(database, 2)
    fleet.begin(PLAN)
    (canary,), (control,) = fleet.at_stage(0), fleet.at_stage(1)
    fleet.confirm([canary])
    fleet.wait(minutes=30)
    return fleet, canary, control


@pytest.mark.db
def test_a_stage_waits_for_data_and_passes_with_them(database: Database) -> None:
    fleet, canary, control = confirmed(database)
    observe(database, fleet, canary, NEW, minutes=20)
    assert fleet.step() == []
    observe(database, fleet, control, OLD, minutes=5)
    fleet.wait(minutes=1)
    assert fleet.step() == [], "five minutes of the control group are not enough"
    fleet.wait(minutes=6)
    observe(database, fleet, control, OLD, minutes=7)
    fleet.step()
    assert fleet.state == "expanding"


@pytest.mark.db
@pytest.mark.parametrize(
    ("says", "cause"),
    [({"happy": 54}, "class_mix"), ({"coverage": 0.3}, "unknown"), ({"neutral": 42, "happy": 12}, None)],
)
def test_a_model_that_sees_otherwise_goes_back(database: Database, says: dict[str, float], cause: str | None) -> None:
    fleet, canary, control = confirmed(database)
    observe(database, fleet, canary, NEW, minutes=25, **says)
    observe(database, fleet, control, OLD, minutes=25)
    fleet.step()
    row = fleet.row()
    assert (row.state, row.cause) == (("halted", cause) if cause else ("expanding", None))


@pytest.mark.db
def test_a_canary_that_always_saw_otherwise_goes_on(database: Database) -> None:
    fleet = Fleet.of(database, 2)
    fleet.wait(minutes=-1)
    for device in fleet.devices:
        observe(database, fleet, device, OLD, minutes=30, happy=54)
    fleet.wait(minutes=1)
    fleet.begin(PLAN)
    (canary,), (control,) = fleet.at_stage(0), fleet.at_stage(1)
    fleet.confirm([canary])
    fleet.wait(minutes=30)
    observe(database, fleet, canary, NEW, minutes=25, happy=54)
    observe(database, fleet, control, OLD, minutes=25)
    fleet.step()
    row = fleet.row()
    assert (row.state, row.cause) == ("expanding", None)


@pytest.mark.db
def test_what_was_seen_before_or_by_another_model_does_not_count(database: Database) -> None:
    fleet, canary, control = confirmed(database)
    observe(database, fleet, control, OLD, minutes=25)
    observe(database, fleet, canary, OLD, minutes=25)
    fleet.wait(minutes=-60)
    observe(database, fleet, canary, NEW, minutes=25)
    fleet.wait(minutes=60)
    assert fleet.step() == []
    found = fleet.row().comparison
    assert (found["new"]["captured_s"], found["control"]["captured_s"]) == (0, 1500)


@pytest.mark.db
def test_for_want_of_data_it_is_paused_and_an_operator_may_let_it_pass(database: Database) -> None:
    fleet, _, _ = confirmed(database)
    fleet.wait(days=1)
    (move,) = fleet.step()
    assert (move.after, move.cause) == ("paused", "no_data")
    assert move.reason == "not enough data: new model 0 of 600 s, control group 0 of 600 s observed"
    fleet.order("resume", without_comparison=False)
    assert fleet.step() == []
    fleet.order("pause", reason=None)
    fleet.order("resume", without_comparison=True)
    fleet.wait(minutes=2)
    fleet.step()
    assert fleet.state == "expanding"
