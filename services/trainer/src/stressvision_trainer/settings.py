"""What the operator may set, read from the environment once, in `main`."""

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

PREFIX = "STRESSVISION_"
LEAST_S, MOST_S = 0.05, 3600.0
"""Between two calls of the control API; with none it would be asked without a pause."""
MOST = 65535


class SettingsError(ValueError):
    """A setting is missing or cannot be; the message names it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`base_data`: a folder made by `stressvision-train prepare`, which company pictures are added to.

    `teacher`: a .keras network that a recipe with [distillation] learns from, say the last run's `final_model.keras`.
    `folder`: where runs lie; the same one after a restart, so that they go on. `mlflow_uri`: None logs nothing there.
    """

    control_url: str
    token: str = field(repr=False)
    folder: Path
    base_data: Path | None = None
    teacher: Path | None = None
    name: str = field(default_factory=socket.gethostname)
    poll_s: float = 5.0
    heartbeat_s: float = 5.0
    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = 8004
    log_level: str = "INFO"
    mlflow_uri: str | None = None
    benchmark_runs: int = 100


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Raise `SettingsError` for what is missing or cannot be."""

    def get(name: str, default: str = "") -> str:
        return environment.get(f"{PREFIX}{name}", "").strip() or default

    token = get("TRAINER_TOKEN")
    if not token:
        raise SettingsError(f"{PREFIX}TRAINER_TOKEN is missing: a token with the role ml (stressvision tokens create)")
    base, teacher = get("TRAINER_BASE_DATA"), get("TRAINER_TEACHER")
    port = _whole(get("TRAINER_METRICS_PORT", "8004"), "TRAINER_METRICS_PORT", least=0)
    return Settings(
        control_url=get("CONTROL_URL", "http://127.0.0.1:8001"),
        token=token,
        folder=Path(get("TRAINER_FOLDER", "trainer")).absolute(),
        base_data=Path(base).absolute() if base else None,
        teacher=Path(teacher).absolute() if teacher else None,
        name=get("TRAINER_NAME", socket.gethostname()),
        poll_s=_seconds(get("TRAINER_POLL_S", "5"), "TRAINER_POLL_S"),
        heartbeat_s=_seconds(get("TRAINER_HEARTBEAT_S", "5"), "TRAINER_HEARTBEAT_S"),
        metrics_host=get("TRAINER_METRICS_HOST", "127.0.0.1"),
        metrics_port=port or None,
        log_level=get("LOG_LEVEL", "INFO"),
        mlflow_uri=environment.get("MLFLOW_TRACKING_URI", "").strip() or None,
        benchmark_runs=_whole(get("TRAINER_BENCHMARK_RUNS", "100"), "TRAINER_BENCHMARK_RUNS", least=1),
    )


def _seconds(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise SettingsError(f"{PREFIX}{name} is {text!r}; give a number of seconds") from error
    if not LEAST_S <= value <= MOST_S:  # nor is it no number
        raise SettingsError(f"{PREFIX}{name} is {text}; give {LEAST_S} to {MOST_S:.0f} seconds")
    return value


def _whole(text: str, name: str, *, least: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= MOST:
        raise SettingsError(f"{PREFIX}{name} is {text!r}; give a whole number from {least} to {MOST}")
    return int(text)
