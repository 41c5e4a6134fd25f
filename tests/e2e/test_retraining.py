"""New pictures become the model of two running agents: job, candidate, approval, canary, and events that name it."""

from pathlib import Path
from uuid import uuid4

import pytest

from support.fleet import Fleet
from support.trainers import trainer_process
from support.training import LABELS, RECIPE, digest_of, drawn

pytestmark = [pytest.mark.e2e, pytest.mark.train]

PICTURES_OF_A_CLASS = 28
TRAINED_WITHIN_S = 240


def _add_pictures(fleet: Fleet, site: int) -> None:
    for label in LABELS:
        for number in range(PICTURES_OF_A_CLASS):
            content = drawn(label, number)
            given = {"label": label, "site_id": site, "is_crop": True}
            answer = fleet.admin.put(
                f"/v1/pictures/{digest_of(content)}",
                content=content,
                params=given,
                headers={"Content-Type": "image/png", "Authorization": f"Bearer {fleet.tokens['Ana']}"},
            )
            assert answer.is_success, answer.text


def test_new_pictures_become_the_model_of_both_agents(fleet: Fleet, tmp_path: Path) -> None:
    version = f"learnt-{uuid4().hex[:6]}"
    _add_pictures(fleet, fleet.site)
    asked = fleet.ask("Ana", "POST", "/v1/training-jobs", recipe="small", recipe_text=RECIPE, version=version)
    with trainer_process(fleet.control_url, fleet.tokens["Ana"], tmp_path):

        def state() -> str:
            return str(fleet.ask("Ana", "GET", f"/v1/training-jobs/{asked['id']}")["state"])

        fleet.eventually(lambda: state() in ("succeeded", "failed"), "the job is over", TRAINED_WITHIN_S)
        assert state() == "succeeded"
    assert fleet.ask("Ana", "GET", f"/v1/models/{version}")["state"] == "candidate"
    approved = fleet.command("Berta", "models", "approve", version)
    canary, other = (agent.device_id for agent in fleet.agents)
    number = fleet.roll_out(version, canary)
    fleet.eventually(lambda: fleet.devices(number)[canary]["state"] == "confirmed", "the canary", 60)
    fleet.eventually(lambda: fleet.rollout(number)["state"] == "complete", "the rollout is complete", 120)
    states = fleet.devices(number)
    assert {states[device]["model_digest"] for device in (canary, other)} == {approved["digest"]}
    fleet.eventually(lambda: fleet.events_of(version) >= {canary, other}, "events carry the new version", 60)
