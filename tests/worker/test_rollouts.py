"""The worker takes rollouts on, by real processes and by hand."""

from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from stressvision_store.rollouts.plans import Limits, Plan
from stressvision_worker.gauges import refresh_gauges
from stressvision_worker.rollouts import step_rollouts
from support.database import Database
from support.rollouts import NEW, Fleet
from support.servers import wait_until
from support.workers import Daemon, environment

pytestmark = pytest.mark.db


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0


def test_a_halt_is_counted_and_the_gauges_follow(database: Database) -> None:
    fleet = Fleet.of(database, 4)
    fleet.begin(Plan(canary_share=0.5))
    fleet.beat(fleet.at_stage(0)[0], state="rejected", reason="no signature")
    before = value("stressvision_rollouts_halts_total", why="failed")
    assert [step_rollouts(database.engine("worker")) for _ in range(3)] == [1, 1, 0]
    assert value("stressvision_rollouts_halts_total", why="failed") == before + 1
    refresh_gauges(database.engine("worker"))
    assert value("stressvision_rollouts", state="rolling_back") == 1
    assert value("stressvision_rollout_devices", state="rejected") == 1
    assert value("stressvision_rollout_devices", state="waiting") == 2


@pytest.mark.e2e
def test_processes_bring_a_rollout_to_its_end(database: Database, redis_url: str, tmp_path: Path) -> None:
    fleet = Fleet.of(database, 4)
    fleet.begin(Plan(canary_share=0.5, soak_s=0, limits=Limits(observed_s=0)))
    variables = environment(database, redis_url)
    worker, beat = (Daemon(name, variables, tmp_path / f"{name}.log") for name in ("worker", "beat"))
    worker.start()
    beat.start()
    try:
        worker.wait_ready()
        fleet.confirm(fleet.at_stage(0))
        wait_until(lambda: fleet.state == "expanding", f"the next stage {worker.tail()}")
        worker.kill()
        fleet.confirm(fleet.at_stage(1))
        worker.start()
        wait_until(lambda: fleet.state == "complete", f"the end {worker.tail()}")
        assert fleet.desired() == NEW
    finally:
        beat.stop()
        worker.stop()
