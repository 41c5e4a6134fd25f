"""Retraining end to end: pictures, a job, a trainer process, a candidate with its report, approved by another."""

from pathlib import Path

import pytest

from support.control import Control
from support.trainers import fill, job_of, log_of, running_trainer, wait_for_state
from support.training import RECIPE, make_plant, start_job

pytestmark = [pytest.mark.train, pytest.mark.e2e, pytest.mark.db]

REPORTS = {
    "README.md", "report.html", "evaluation.json", "benchmark.json", "gates.json",
    "confusion.png", "per_class.png", "reliability.png", "training_history.png",
}  # fmt: skip


def test_new_pictures_become_a_candidate_that_another_person_approves(control: Control, tmp_path: Path) -> None:
    plant = make_plant(control)
    fill(plant)
    job = start_job(control, version="1.2.3")["id"]
    with running_trainer(control, tmp_path):
        done = wait_for_state(control, job, "succeeded")
    assert (done["epoch"], done["epochs"], len(job_of(control, job)["curve"])) == (12, 12, 12)
    model = control.admin.get("/v1/models/1.2.3").json()
    assert (model["state"], model["unmet_gates"]) == ("candidate", [])
    assert "recall of neutral" in " ".join(model["untried_gates"])
    assert {each["name"] for each in model["reports"]} == REPORTS
    page = control.as_role("ml").get("/v1/models/1.2.3/reports/report.html").text
    assert page.count("data:image/png;base64,") == 4
    assert "Every gate that could be tried is met" in page
    approve = "/v1/models/1.2.3/approve"
    assert control.as_role("ml").post(approve).status_code == 409  # who asked for it
    other = control.make("/v1/tokens", name="Rosa", roles=["ml"])["token"]
    with control.client(other) as rosa:
        answer = rosa.post(approve)
    assert (answer.status_code, answer.json()["state"]) == (200, "approved"), answer.text
    work = tmp_path / "work"
    assert not [path for path in work.rglob("*") if path.name.startswith(("pictures-", "data-"))]
    assert (work / f"job-{job}" / "run-1" / "tensorboard").is_dir()
    assert any(line.startswith("epoch 12/12: loss") for line in log_of(control, job))


def test_a_later_run_learns_from_an_earlier_ones_network(control: Control, tmp_path: Path) -> None:
    fill(make_plant(control))
    first = start_job(control)["id"]
    with running_trainer(control, tmp_path):
        wait_for_state(control, first, "succeeded")
    teacher = tmp_path / "work" / f"job-{first}" / "run-1" / "final_model.keras"
    before = (tmp_path / "work" / "splits.csv").read_text()
    second = start_job(control, recipe_text=f"{RECIPE}[distillation]\nshare = 0.3\n", changes=["epochs=3"])["id"]
    with running_trainer(control, tmp_path, STRESSVISION_TRAINER_TEACHER=str(teacher)):
        done = wait_for_state(control, second, "succeeded")
    assert any("learns from 1 teacher too" in line for line in log_of(control, second))
    made = control.admin.get(f"/v1/models/{done['candidate_version']}").json()["manifest"]["provenance"]
    assert [each["file"] for each in made["teachers"]] == ["final_model.keras"]
    assert (tmp_path / "work" / "splits.csv").read_text() == before
