"""`stressvision training` and `dataset`, against a real service."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from stressvision_control.cli import training
from stressvision_control.cli.app import app
from support.control import Control
from support.training import RECIPE, claim_job, digest_of, drawn, make_plant

pytestmark = pytest.mark.db

Command = Callable[..., Result]
EPOCH = {"epoch": 2, "epochs": 4, "loss": 1.25, "accuracy": 0.5, "macro_f1": 0.45, "seconds": 3.0}


@pytest.fixture
def stressvision(control: Control, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training, "POLL_S", 0.05)
    monkeypatch.setenv("STRESSVISION_CONTROL_URL", control.url)
    monkeypatch.setenv("STRESSVISION_TOKEN", control.token("ml", "privacy", "operator"))
    (tmp_path / "training" / "recipes").mkdir(parents=True)
    (tmp_path / "training" / "recipes" / "small.toml").write_text(RECIPE)

    def run(*words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, (result.output, result.stderr, result.exception)
        return result

    return run


def test_a_run_is_started_by_a_recipes_name_and_seen_in_the_list(stressvision: Command, control: Control) -> None:
    made = json.loads(stressvision("training", "start", "small", "--set", "epochs=2", "--json").stdout)
    assert (made["recipe"], made["changes"], made["state"]) == ("small", ["epochs=2"], "queued")
    fence = claim_job(control)["fence"]
    body = {"fence": fence, "stage": "fit", "epoch": EPOCH, "eta_s": 3725, "lines": ["epoch 2/4", "saved"]}
    control.as_role("ml").post(f"/v1/training-jobs/{made['id']}/progress", json=body)
    listed = stressvision("training", "list").output
    assert "2/4" in listed
    assert "1:02:05" in listed
    shown = stressvision("training", "show", str(made["id"])).output
    assert "macro f1" in shown
    assert "1.25" in shown
    assert "epoch 2/4\n" in stressvision("training", "logs", str(made["id"])).output


def test_following_ends_with_the_job_and_says_how(stressvision: Command, control: Control) -> None:
    job = json.loads(stressvision("training", "start", "small", "--json").stdout)["id"]
    fence = claim_job(control)["fence"]
    control.as_role("ml").post(
        f"/v1/training-jobs/{job}/finish", json={"fence": fence, "outcome": "failed", "reason": "no face in 3 of 4"}
    )
    assert "is failed: no face in 3 of 4" in stressvision("training", "follow", str(job), code=1).output
    assert stressvision("training", "logs", str(job), "-f").output == ""


def test_a_job_is_cancelled(stressvision: Command) -> None:
    stressvision("training", "start", "small")
    assert "training job 1 is cancelled" in stressvision("training", "cancel", "1").output
    assert (
        "no recipe 'big'; give a TOML file, or one of small" in stressvision("training", "start", "big", code=2).stderr
    )


def test_pictures_are_counted_shown_and_removed(stressvision: Command, control: Control) -> None:
    plant = make_plant(control)
    plant.put(drawn("fatigue", 1), subject="E-YES")
    plant.put(drawn("happy", 1), "happy")
    counts = json.loads(stressvision("dataset", "list", "--site", "Callao", "--json").stdout)
    assert [(row["label"], row["usable"]) for row in counts] == [("fatigue", 1), ("happy", 1)]
    digest = digest_of(drawn("happy", 1))
    assert digest in stressvision("dataset", "show", digest).output
    stressvision("dataset", "remove", digest)
    stressvision("dataset", "remove", "--subject", "E-YES")
    assert json.loads(stressvision("dataset", "list", "--each", "--json").stdout) == []
    stressvision("dataset", "remove", code=2)
