"""The process: what it needs to start, when it ends, and that nothing heavy is imported for a look at pictures."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from support.control import Control
from support.trainers import running_trainer
from support.training import claim_job, start_job

TRAINER = [sys.executable, "-m", "stressvision_trainer"]


def settings(url: str, token: str, **others: str) -> dict[str, str]:
    return (
        os.environ
        | {
            "STRESSVISION_CONTROL_URL": url,
            "STRESSVISION_TRAINER_TOKEN": token,
            "STRESSVISION_TRAINER_POLL_S": "0.1",
            "STRESSVISION_TRAINER_METRICS_PORT": "0",
        }
        | others
    )


def run(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*TRAINER, *words], env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_without_a_token_or_with_a_store_on_disk_it_says_what_to_set() -> None:
    done = run(**{name: value for name, value in os.environ.items() if name != "STRESSVISION_TRAINER_TOKEN"})
    assert (done.returncode, "STRESSVISION_TRAINER_TOKEN is missing" in done.stderr) == (1, True)
    done = run(**settings("http://127.0.0.1:9", "x", MLFLOW_TRACKING_URI="sqlite:///runs.db"))
    assert (done.returncode, "give the address of an MLflow server" in done.stderr) == (1, True)


@pytest.mark.db
def test_it_ends_when_nothing_waits_and_when_it_may_do_nothing(control: Control, tmp_path: object) -> None:
    folder = {"STRESSVISION_TRAINER_FOLDER": str(tmp_path)}
    assert run("--until-idle", **settings(control.url, control.token("ml"), **folder)).returncode == 0
    done = run(**settings(control.url, control.token("hr"), **folder))
    assert done.returncode == 1
    assert "the control API lets this trainer do nothing" in done.stderr


@pytest.mark.db
def test_pictures_of_a_job_that_another_trainer_took_over_go_when_it_is_over(control: Control, tmp_path: Path) -> None:
    job = start_job(control)["id"]
    fence = claim_job(control, "other")["fence"]
    face = tmp_path / "work" / f"job-{job}" / "pictures-1" / "face"
    with running_trainer(control, tmp_path):
        face.parent.mkdir(parents=True)
        face.write_text("a face")
        time.sleep(1)
        assert face.exists()  # the job goes on
        body = {"fence": fence, "outcome": "failed", "reason": "why not"}
        assert control.as_role("ml").post(f"/v1/training-jobs/{job}/finish", json=body).is_success
        for _ in range(100):
            if not face.exists():
                return
            time.sleep(0.1)
    raise AssertionError("the face is still there")


def test_it_waits_for_a_control_api_that_is_away_and_ends_on_sigterm(tmp_path: object) -> None:
    environment = settings("http://127.0.0.1:9", "x", STRESSVISION_TRAINER_FOLDER=str(tmp_path))
    process = subprocess.Popen([*TRAINER, "--until-idle"], env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "no job could be asked for" in process.stderr.readline()
    time.sleep(0.5)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    process.stderr.close()


def test_looking_at_pictures_and_waiting_for_jobs_need_no_tensorflow() -> None:
    code = (
        "import sys; import stressvision_trainer.app, stressvision_trainer.dataset.looking;"
        "sys.exit(bool({'tensorflow', 'keras', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
