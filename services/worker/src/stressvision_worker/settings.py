"""What the operator may set, read from the environment once; known passwords are refused outside development."""

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

KNOWN_PASSWORDS: Final = frozenset({"", "admin", "change-me", "changeme", "default", "password", "postgres", "secret"})

PUBLISH_AFTER_IN_DEVELOPMENT_S: Final = 20.0
"""Unless set: on a laptop nobody waits for hours to see a figure."""


class Settings(BaseSettings):
    """Of the worker and of beat alike. Times in seconds."""

    model_config = SettingsConfigDict(
        env_prefix="STRESSVISION_WORKER_", populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = Field(
        default="production",
        validation_alias="STRESSVISION_ENV",
        description="In development, known passwords are let through.",
    )
    database_url: SecretStr = Field(description="Postgres, as the role stressvision_worker.")
    redis_url: SecretStr = Field(
        default=SecretStr("redis://127.0.0.1:6380/0"),
        validation_alias="STRESSVISION_REDIS_URL",
        description="The broker. It carries hints only; losing all of it costs one sweep.",
    )
    metrics_host: str = Field(
        default="127.0.0.1", validation_alias="STRESSVISION_METRICS_HOST", description="Address of both /metrics."
    )
    metrics_port: int = Field(default=8002, ge=0, le=65535, description="Port of the worker's /metrics.")
    beat_metrics_port: int = Field(
        default=8003,
        ge=0,
        le=65535,
        validation_alias="STRESSVISION_BEAT_METRICS_PORT",
        description="Port of beat's /metrics.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")
    processes: int = Field(default=2, ge=1, le=32, description="Tasks at a time.")
    signing_keys: Path = Field(
        default=Path("keys"),
        validation_alias="STRESSVISION_SIGNING_KEYS",
        description="Folder with online.pem, by which the signatures of the model repository are renewed.",
    )
    linger_s: float = Field(
        default=0.2,
        ge=0,
        le=5,
        description="How long a wake-up waits for more before the rollups are brought up to date.",
    )
    marks: int = Field(default=5_000, ge=1, le=100_000, description="Most marks worked off in one transaction.")
    group_size: int = Field(default=5, ge=5, le=1000, description="People that a published group has at least.")
    publish_after_seconds: float = Field(
        default=21_600.0,
        ge=0,
        description="A site's day is published when it has been over and quiet for so long; 20 s in development.",
    )
    dashboard_s: float = Field(
        default=20.0, ge=1, description="A dashboard's statement that runs for longer is ended with its session."
    )
    raw_days: int = Field(default=90, ge=2, le=3650, description="Days that raw events are kept.")
    dead_letter_days: int = Field(default=90, ge=1, le=3650, description="Days that dead letters are kept.")
    rollup_days: int = Field(
        default=730,
        ge=2,
        le=3650,
        description="Days that rollups, reports, check-ins and alerts are kept; raw_days at least.",
    )
    audit_days: int = Field(default=1461, ge=1096, le=36500, description="Days that the audit is kept.")
    tombstone_days: int = Field(
        default=1100,
        ge=402,
        le=36500,
        description="Days that erased time is kept empty; no backup may be kept for longer.",
    )
    training_every_days: float = Field(
        default=0, ge=0, validation_alias="STRESSVISION_TRAINING_EVERY_DAYS", description="Retrain so often; 0: never."
    )
    training_new_pictures: int = Field(
        default=500,
        ge=0,
        validation_alias="STRESSVISION_TRAINING_NEW_PICTURES",
        description="Retrain once so many company pictures came since the last run; 0: never for that.",
    )
    training_drift_psi: float = Field(
        default=0.25,
        ge=0,
        validation_alias="STRESSVISION_TRAINING_DRIFT_PSI",
        description="Retrain when the mix of labels moved by this population stability index; 0: never for that.",
    )
    training_drift_confidence: float = Field(
        default=0.1,
        ge=0,
        le=1,
        validation_alias="STRESSVISION_TRAINING_DRIFT_CONFIDENCE",
        description="Retrain when the mean of the highest probability fell by so much; 0: never for that.",
    )
    stuck_s: float = Field(
        default=120.0,
        ge=1,
        description="A worker ends itself when it has received nothing for so long while marks wait for longer.",
    )

    @property
    def publish_after(self) -> float:
        """Seconds."""
        is_given = "publish_after_seconds" in self.model_fields_set
        return (
            PUBLISH_AFTER_IN_DEVELOPMENT_S
            if self.environment == "development" and not is_given
            else (self.publish_after_seconds)
        )

    @model_validator(mode="after")
    def _refuse_short_rollups(self) -> Self:
        if self.rollup_days < self.raw_days:
            raise ValueError(
                f"STRESSVISION_WORKER_ROLLUP_DAYS ({self.rollup_days}) is less than _RAW_DAYS ({self.raw_days}): raw "
                "events would bring back rollups that were dropped; raise it"
            )
        return self

    @model_validator(mode="after")
    def _refuse_known_passwords(self) -> Self:
        password = str(make_url(self.database_url.get_secret_value()).password or "").lower()
        if self.environment != "development" and (password in KNOWN_PASSWORDS or password.startswith("development-")):
            raise ValueError(
                "STRESSVISION_WORKER_DATABASE_URL has a known password or none; set a random one, "
                "or STRESSVISION_ENV=development on a laptop"
            )
        return self
