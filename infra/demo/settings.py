"""Where the demo finds the platform: the environment, else `.env` in the working directory."""

import os
from dataclasses import dataclass
from pathlib import Path

from native.dotenv import read_dotenv


class SettingsError(ValueError):
    """A setting is missing; the message names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`folder` is kept from one run to the next."""

    control_url: str
    ingest_url: str
    grafana_url: str
    prometheus_url: str
    admin_token: str
    hr_url: str
    ops_url: str
    redis_url: str
    folder: Path


def read_settings(dotenv: Path = Path(".env"), folder: Path = Path(".stack/demo")) -> Settings:
    """Raise `SettingsError` naming what is missing."""
    values = (read_dotenv(dotenv) if dotenv.exists() else {}) | os.environ
    needed = (
        "STRESSVISION_ADMIN_TOKEN",
        "GRAFANA_HR_DATABASE_URL",
        "GRAFANA_OPS_DATABASE_URL",
        "STRESSVISION_REDIS_URL",
    )
    missing = [name for name in needed if not values.get(name)]
    if missing:
        raise SettingsError(f"{', '.join(missing)} is neither in the environment nor in {dotenv}; run `make up` first")

    def local(name: str, port: int) -> str:
        return f"http://127.0.0.1:{values.get(f'STRESSVISION_{name}_PORT', port)}"

    return Settings(
        control_url=values.get("STRESSVISION_CONTROL_URL") or local("CONTROL", 8001),
        ingest_url=values.get("STRESSVISION_INGEST_URL") or local("INGEST", 8000),
        grafana_url=local("GRAFANA", 3000),
        prometheus_url=local("PROMETHEUS", 9090),
        admin_token=values["STRESSVISION_ADMIN_TOKEN"],
        hr_url=values["GRAFANA_HR_DATABASE_URL"],
        ops_url=values["GRAFANA_OPS_DATABASE_URL"],
        redis_url=values["STRESSVISION_REDIS_URL"],
        folder=folder.resolve(),
    )
