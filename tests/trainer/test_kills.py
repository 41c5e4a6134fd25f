"""Trainers that are killed, frozen or stopped in the middle of a run."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.control import Control
from support.trainers import (
    fill,
    job_of,
    log_of,
    running_trainer,
    wait_for,
    wait_for_epoch,
    wait_for_state,
)
from support.training import Plant, expire_lease, make_plant, start_job

pytestmark = [pytest.mark.train, pytest.mark.e2e, pytest.mark.db]

LONG = ["epochs=40"]


@pytest.fixture
def plant(control: Control) -> Iterator[Plant]:
    made = make_plant(control)
    fill(made)
    return made


def fits(trainer: "psutil.Process") -> list["psutil.Process"]:
    return [child for child in trainer.children() if "stressvision_training" in child.cmdline()]


def test_after_kill_9_another_trainer_goes_on_and_a_frozen_one_publishes_nothing(
    control: Control, plant: Plant, tmp_path: Path
) -> None:
    job = start_job(control, changes=LONG, version="2.0.0")["id"]
    with running_trainer(control, tmp_path, "killed") as killed:
        wait_for_epoch(control, job, 3)
        (fit,) = fits(psutil.Process(killed.process.pid))
        killed.kill()
        assert fit.wait(timeout=10) is not None or not fit.is_running()  # its child dies with it
    expire_lease(control, job)
    with running_trainer(control, tmp_path, "frozen") as frozen:
        wait_for(control, job, lambda row: row["claimed_by"] == "frozen" and row["epoch"] > 6, "goes on")
        assert "goes on from the last checkpoint of claim 1" in log_of(control, job)
        frozen.signal(signal.SIGSTOP)
        expire_lease(control, job)
        with running_trainer(control, tmp_path, "third"):
            wait_for(control, job, lambda row: row["claimed_by"] == "third", "is taken over")
            frozen.signal(signal.SIGCONT)
            done = wait_for_state(control, job, "succeeded")
    assert (done["attempts"], done["candidate_version"], len(job_of(control, job)["curve"])) == (3, "2.0.0", 40)
    assert '"outcome": "lost"' in frozen.log.read_text()
    published = control.admin.get("/v1/audit", params={"action": "training.publish"}).json()["items"]
    assert [entry["detail"]["fence"] for entry in published] == [3]
    epochs = [line for line in log_of(control, job) if line.startswith("epoch ")]
    assert len({line.split(":")[0] for line in epochs}) == 40
    assert len(epochs) < 60  # and few of them were done twice


def test_a_fit_that_is_killed_goes_on_and_sigterm_gives_the_job_back(
    control: Control, plant: Plant, tmp_path: Path
) -> None:
    job = start_job(control, changes=LONG)["id"]
    with running_trainer(control, tmp_path) as trainer:
        wait_for_epoch(control, job, 2)
        (fit,) = fits(psutil.Process(trainer.process.pid))
        os.kill(fit.pid, signal.SIGKILL)
        wait_for(control, job, lambda row: any("goes on from its last" in line for line in log_of(control, job)), "on")
        wait_for_epoch(control, job, 5)
        assert trainer.stop() == 0
    row = job_of(control, job)
    assert (row["state"], row["attempts"], row["error"]) == ("queued", 0, "its trainer was told to stop")


def test_a_cancelled_run_stops_within_seconds_and_leaves_no_picture(
    control: Control, plant: Plant, tmp_path: Path
) -> None:
    job = start_job(control, changes=["epochs=500"])["id"]
    with running_trainer(control, tmp_path):
        wait_for_epoch(control, job, 1)
        control.as_role("ml").post(f"/v1/training-jobs/{job}/cancel")
        wait_for_state(control, job, "cancelled", timeout=15)
        again = start_job(control, changes=["epochs=500", "nonsense=1"])["id"]
        failed = wait_for_state(control, again, "failed")
        assert "nonsense: the recipe has no such key" in failed["error"]
    assert not [path for path in (tmp_path / "work").rglob("*") if path.name.startswith(("pictures-", "data-"))]


def test_a_consent_withdrawn_under_the_run_has_it_begin_anew_without_that_person(
    control: Control, plant: Plant, tmp_path: Path
) -> None:
    job = start_job(control)["id"]
    with running_trainer(control, tmp_path):
        wait_for_epoch(control, job, 1)
        plant.withdraw()
        done = wait_for_state(control, job, "succeeded")
    said = "\n".join(log_of(control, job))
    assert "5 of the pictures that training job 1 learnt from may not be used any more" in said
    assert "goes on from the last checkpoint" not in said
    assert "135 faces" in said
    model = control.admin.get(f"/v1/models/{done['candidate_version']}").json()
    assert model["state"] == "candidate"


def test_a_trainer_on_another_machine_begins_anew_and_ends_well(control: Control, plant: Plant, tmp_path: Path) -> None:
    job = start_job(control, changes=["epochs=6"], version="2.1.0")["id"]
    machines = [tmp_path / "first", tmp_path / "second"]
    for machine in machines:
        machine.mkdir()
    with running_trainer(control, machines[0], "first") as first:
        wait_for_epoch(control, job, 2)
        first.kill()
    expire_lease(control, job)
    with running_trainer(control, machines[1], "second"):
        done = wait_for_state(control, job, "succeeded")
    said = log_of(control, job)
    assert (done["attempts"], done["candidate_version"]) == (2, "2.1.0")
    assert [epoch["epoch"] for epoch in job_of(control, job)["curve"]] == list(range(1, 7))
    assert sum(line.startswith("epoch 1/6") for line in said) == 2
    assert not [line for line in said if "goes on from" in line]
