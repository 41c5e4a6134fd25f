"""Training jobs over HTTP: asked for, claimed, told of, published."""

import json
from typing import Any

import httpx
import pytest

from support.control import Control
from support.manifests import MODEL, make_manifest
from support.training import claim_job, drawn, expire_lease, make_plant, start_job

pytestmark = pytest.mark.db

EPOCH = {"epoch": 2, "epochs": 4, "loss": 1.25, "accuracy": 0.5, "macro_f1": 0.45, "seconds": 3.0}


def say(control: Control, job: int, what: str, **body: Any) -> httpx.Response:
    return control.as_role("ml").post(f"/v1/training-jobs/{job}/{what}", json=body)


def publish(control: Control, job: int, fence: int, version: str = "0.9.0", **changes: Any) -> httpx.Response:
    manifest = json.dumps(make_manifest(version=version, **changes)).encode()
    files = [
        ("manifest", ("manifest.json", manifest)),
        ("model", ("model.tflite", MODEL)),
        ("card", ("README.md", b"# Model")),
        ("report", ("report.json", b"{}")),
        ("report", ("report.html", b"<h1>Model</h1>")),
    ]
    return control.as_role("ml").post(f"/v1/training-jobs/{job}/candidate", data={"fence": str(fence)}, files=files)


def test_a_job_goes_from_the_queue_to_a_candidate(control: Control) -> None:
    job = start_job(control, changes=["epochs=4"])
    assert (job["state"], job["changes"]) == ("queued", ["epochs=4"])
    assert job["version"].endswith(f"-job{job['id']}")
    claimed = claim_job(control)
    assert (claimed["id"], claimed["fence"], claimed["pictures"]) == (job["id"], 1, 0)
    heard = say(control, job["id"], "progress", fence=1, stage="fit", epoch=EPOCH, eta_s=6.5, lines=["epoch 2"])
    assert heard.json() == {"state": "running", "lease_s": 60.0}
    assert say(control, job["id"], "logs", fence=1, lines=["more"]).status_code == 204
    shown = control.as_role("ml").get(f"/v1/training-jobs/{job['id']}").json()
    assert (shown["epoch"], shown["epochs"], shown["eta_s"], shown["curve"]) == (2, 4, 6.5, [EPOCH])
    log = control.as_role("ml").get(f"/v1/training-jobs/{job['id']}/logs").json()
    assert [line["line"] for line in log] == ["epoch 2", "more"]
    newer = control.as_role("ml").get(f"/v1/training-jobs/{job['id']}/logs", params={"after": log[0]["id"]}).json()
    assert [line["line"] for line in newer] == ["more"]
    done = publish(control, job["id"], 1)
    assert done.status_code == 200, done.text
    assert (done.json()["state"], done.json()["candidate_version"]) == ("succeeded", "0.9.0")
    model = control.admin.get("/v1/models/0.9.0").json()
    assert model["manifest"]["version"] == "0.9.0"
    assert control.admin.get("/v1/models/0.9.0/file").content == MODEL
    assert control.admin.get("/v1/models/0.9.0/reports/report.html").content == b"<h1>Model</h1>"
    again = publish(control, job["id"], 1)  # its answer was lost
    assert again.json()["state"] == "succeeded"
    actions = [entry["action"] for entry in control.admin.get("/v1/audit").json()["items"]]
    assert actions[:3] == ["training.publish", "training.claim", "training.start"]


def test_a_version_means_one_model(control: Control) -> None:
    job = start_job(control, version="0.9.0")["id"]
    body = {"recipe": "small", "recipe_text": "seed = 1", "version": "0.9.0"}
    taken = control.as_role("ml").post("/v1/training-jobs", json=body)
    assert (taken.status_code, taken.json()["errors"][0]["field"]) == (409, "version")
    claim_job(control)
    control.make("/v1/models", **make_manifest(version="0.9.0", size_bytes=1))
    refused = publish(control, job, 1)  # somebody registered it by hand meanwhile
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "version")
    assert say(control, job, "finish", fence=1, outcome="failed", reason="taken").json()["state"] == "failed"
    assert control.as_role("ml").post("/v1/training-jobs", json=body).status_code == 409


def test_nothing_waits_and_a_trainer_is_known_all_the_same(control: Control) -> None:
    asked = control.as_role("ml").post("/v1/training-jobs/claims", json={"trainer": "gpu-1"})
    assert (asked.status_code, asked.content) == (204, b"")
    assert [row["name"] for row in control.as_role("ml").get("/v1/trainers").json()] == ["gpu-1"]


def test_the_trainer_that_lost_its_lease_is_shut_out_of_everything(control: Control) -> None:
    job = start_job(control)["id"]
    claim_job(control, "a")
    expire_lease(control, job)
    assert claim_job(control, "b")["fence"] == 2
    refused = [
        say(control, job, "progress", fence=1),
        say(control, job, "logs", fence=1, lines=["hello"]),
        say(control, job, "finish", fence=1, outcome="failed", reason="x"),
        publish(control, job, 1),
        control.as_role("ml").get(f"/v1/training-jobs/{job}/pictures", params={"fence": 1}),
        control.as_role("ml").get(f"/v1/training-jobs/{job}/pictures/archive", params={"fence": 1}),
    ]
    for answer in refused:
        assert answer.status_code == 409, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert "fence 1 of training job 1 is stale" in answer.json()["detail"]
    assert control.admin.get("/v1/models").json()["items"] == []
    assert publish(control, job, 2).status_code == 200


def test_a_model_that_cannot_be_registered_leaves_the_job_as_it_was(control: Control) -> None:
    job = start_job(control)["id"]
    claim_job(control)
    assert publish(control, job, 1, digest="0" * 64).status_code == 422
    no_file = control.as_role("ml").post(f"/v1/training-jobs/{job}/candidate", data={"fence": "1"})
    assert (no_file.status_code, no_file.json()["errors"][0]["field"]) == (422, "manifest")
    control.make("/v1/models", **make_manifest(version="0.9.0", runtime="taken"))
    assert publish(control, job, 1).status_code in (409, 422)
    assert control.as_role("ml").get(f"/v1/training-jobs/{job}").json()["state"] == "running"


@pytest.mark.parametrize("fence", ["", "²", "-1", "1e3", "9" * 5000])
def test_a_fence_that_is_no_number_is_refused(shared_control: Control, fence: str) -> None:
    form = {"data": {"fence": fence}, "files": {"model": b""}}
    answer = shared_control.as_role("ml").post("/v1/training-jobs/1/candidate", **form)  # type: ignore[arg-type]
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "fence")


@pytest.mark.parametrize(
    "epoch",
    ["{}", '{"epoch": "1", "epochs": 4}', '{"epoch": 1, "epochs": 1e30}', '{"epoch": 1, "epochs": 2, "loss": NaN}'],
)
def test_an_epoch_that_nobody_can_count_is_refused(control: Control, epoch: str) -> None:
    job = start_job(control)["id"]
    claim_job(control)
    body, headers = f'{{"fence": 1, "epoch": {epoch}}}', {"Content-Type": "application/json"}
    answer = control.as_role("ml").post(f"/v1/training-jobs/{job}/progress", content=body, headers=headers)
    assert answer.status_code == 422, answer.text
    assert say(control, job, "finish", fence=1, outcome="failed", reason="died\x00").json()["error"] == "died"


def test_a_running_job_is_cancelled_by_way_of_its_trainer(control: Control) -> None:
    job = start_job(control)["id"]
    claim_job(control)
    assert control.as_role("ml").post(f"/v1/training-jobs/{job}/cancel").json()["state"] == "cancelling"
    assert say(control, job, "progress", fence=1).json()["state"] == "cancelling"
    refused = publish(control, job, 1)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (409, "state")
    assert say(control, job, "finish", fence=1, outcome="cancelled").json()["state"] == "cancelled"
    waiting = start_job(control)["id"]
    assert control.as_role("ml").post(f"/v1/training-jobs/{waiting}/cancel").json()["state"] == "cancelled"


def test_a_job_that_failed_says_why(control: Control) -> None:
    job = start_job(control)["id"]
    claim_job(control)
    say(control, job, "finish", fence=1, outcome="failed", reason="loss is nan; lower optimiser.rate")
    shown = control.as_role("ml").get("/v1/training-jobs", params={"state": "failed"}).json()["items"]
    assert [(row["id"], row["error"]) for row in shown] == [(job, "loss is nan; lower optimiser.rate")]
    assert control.as_role("ml").post(f"/v1/training-jobs/{job}/cancel").status_code == 409


def test_a_recipe_that_is_no_toml_is_refused(control: Control) -> None:
    body = {"recipe": "small", "recipe_text": "seed = = 1"}
    answer = control.as_role("ml").post("/v1/training-jobs", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "recipe_text")
    assert control.as_role("ml").post("/v1/training-jobs", json={"recipe": "small"}).status_code == 422


def test_a_withdrawn_consent_keeps_the_model_out_and_the_next_claim_begins_anew(control: Control) -> None:
    plant = make_plant(control)
    for number in range(2):
        assert plant.put(drawn("fatigue", number), subject="E-YES").status_code == 201
    assert plant.put(drawn("happy", 9), "happy").status_code == 201
    job = start_job(control)["id"]
    first = claim_job(control)
    assert first["pictures"] == 3
    listed = control.as_role("ml").get(f"/v1/training-jobs/{job}/pictures", params={"fence": 1}).json()
    assert sorted((row["label"], row["subject"]) for row in listed) == [
        ("fatigue", "person-1"), ("fatigue", "person-1"), ("happy", ""),
    ]  # fmt: skip
    plant.put(drawn("sad", 1), "sad")  # what comes meanwhile does no harm
    plant.withdraw()
    refused = publish(control, job, 1)
    assert refused.status_code == 409
    assert "2 of the pictures that training job 1 learnt from may not be used any more" in refused.json()["detail"]
    assert control.admin.get("/v1/models").json()["items"] == []
    back = say(control, job, "finish", fence=1, outcome="given_back", reason=refused.json()["detail"])
    assert back.json()["state"] == "queued"
    second = claim_job(control)
    assert (second["fence"], second["pictures"]) == (2, 2)
    assert second["dataset_digest"] != first["dataset_digest"]
    assert publish(control, job, 2).status_code == 200


def test_the_list_of_a_job_stays_when_pictures_are_added_before_it_is_resumed(control: Control) -> None:
    plant = make_plant(control)
    plant.put(drawn("happy", 1), "happy")
    job = start_job(control)["id"]
    first = claim_job(control)
    plant.put(drawn("happy", 2), "happy")
    expire_lease(control, job)
    assert claim_job(control, "b")["dataset_digest"] == first["dataset_digest"]
