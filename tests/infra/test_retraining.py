"""`make retrain`: a run asked for, a trainer started where none is about, and its end told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from native.layout import ROOT
from retraining.trainer import RetrainingError, trainer_is_about
from support.control import ADMIN_TOKEN, Control, serve
from support.database import Database
from support.trainers import fill, job_of
from support.training import RECIPE, claim_job, make_plant, start_job


@pytest.fixture
def control(database: Database) -> Iterator[Control]:
    with serve(database) as service:
        yield service


def settings_of(control: Control) -> dict[str, str]:
    return {"STRESSVISION_CONTROL_URL": control.url, "STRESSVISION_ADMIN_TOKEN": ADMIN_TOKEN}


def retrain(control: Control, folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    environment = os.environ | settings_of(control) | {"PYTHONPATH": str(ROOT / "infra")}
    command = [
        sys.executable,
        "-m",
        "retraining",
        *words,
        "--folder",
        str(folder / "work"),
        "--env",
        str(folder / "no"),
    ]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd=folder, timeout=300
    )


@pytest.mark.db
def test_a_trainer_is_about_once_it_has_asked_for_work(control: Control) -> None:
    assert not trainer_is_about(settings_of(control))
    start_job(control)
    claim_job(control)
    assert trainer_is_about(settings_of(control))


def test_without_the_platform_it_says_what_to_do() -> None:
    with pytest.raises(RetrainingError, match="try `make up`"):
        trainer_is_about({"STRESSVISION_CONTROL_URL": "http://127.0.0.1:9", "STRESSVISION_ADMIN_TOKEN": "x"})
    with pytest.raises(RetrainingError, match="there is no STRESSVISION_TOKEN"):
        trainer_is_about({})


@pytest.mark.db
def test_a_recipe_that_is_not_there_starts_nothing(control: Control, tmp_path: Path) -> None:
    done = retrain(control, tmp_path, "big")
    assert done.returncode == 1
    assert "no recipe 'big'" in done.stderr
    assert not (tmp_path / "work").exists()


@pytest.mark.db
@pytest.mark.train
@pytest.mark.e2e
def test_one_command_ends_with_a_candidate(control: Control, tmp_path: Path) -> None:
    fill(make_plant(control))
    (tmp_path / "small.toml").write_text(RECIPE)
    done = retrain(control, tmp_path, "small.toml", "--set", "epochs=3")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "no trainer was about" in done.stdout
    job = job_of(control, 1)
    assert (job["state"], job["epochs"], job["requested_by"]) == ("succeeded", 3, "bootstrap admin")
    assert f"model {job['candidate_version']} is a candidate" in " ".join(done.stdout.split())
