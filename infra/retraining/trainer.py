"""A trainer on this machine, where none is about."""

import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from native.layout import ROOT

ABOUT = timedelta(seconds=60)
"""A trainer that has asked for work within this time is at hand."""
TOKEN_DAYS = 7
PASSED_ON = (
    "STRESSVISION_CONTROL_URL",
    "STRESSVISION_TRAINER_BASE_DATA",
    "STRESSVISION_TRAINER_TEACHER",
    "MLFLOW_TRACKING_URI",
    "PATH",
    "HOME",
    "LANG",
)
"""What a trainer is told of our settings: no other part's secret."""


class RetrainingError(RuntimeError):
    """It cannot be done; the message says why, and what to do."""


def trainer_is_about(settings: Mapping[str, str]) -> bool:
    now = datetime.now(UTC)
    return any(now - datetime.fromisoformat(row["seen_at"]) < ABOUT for row in _call(settings, "GET", "/v1/trainers"))


def ensure_trainer(settings: Mapping[str, str], folder: Path) -> Path:
    """Start one that ends when no job waits, with a token of its own; return its log."""
    body = {"name": "trainer of make retrain", "roles": ["ml"], "valid_days": TOKEN_DAYS}
    token = settings.get("STRESSVISION_TRAINER_TOKEN") or _call(settings, "POST", "/v1/tokens", body)["token"]
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "trainer.log"
    environment = {name: settings[name] for name in PASSED_ON if name in settings} | {
        "STRESSVISION_TRAINER_TOKEN": token,
        "STRESSVISION_TRAINER_FOLDER": str(folder),
        "STRESSVISION_TRAINER_METRICS_PORT": "0",
    }
    with log.open("ab") as file:
        subprocess.Popen(
            [ROOT / ".venv" / "bin" / "stressvision-trainer", "--until-idle"],
            env=environment, stdout=file, stderr=file, stdin=subprocess.DEVNULL, start_new_session=True, cwd=folder,
        )  # fmt: skip
    return log


def _call(settings: Mapping[str, str], method: str, path: str, body: object = None) -> Any:
    url = settings.get("STRESSVISION_CONTROL_URL") or "http://127.0.0.1:8001"
    token = settings.get("STRESSVISION_TOKEN") or settings.get("STRESSVISION_ADMIN_TOKEN")
    if not token:
        raise RetrainingError("there is no STRESSVISION_TOKEN and no STRESSVISION_ADMIN_TOKEN, here or in .env")
    try:
        answer = httpx.request(
            method, f"{url}{path}", json=body, headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
    except httpx.HTTPError as error:
        raise RetrainingError(f"the control API does not answer at {url}; is the platform up? try `make up`") from error
    if answer.is_error:
        raise RetrainingError(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
    return answer.json()
