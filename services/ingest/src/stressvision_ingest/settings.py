"""What the operator may set, read from the environment; known secrets are refused outside development."""

from typing import Final, Literal, Self

from psycopg.conninfo import conninfo_to_dict
from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEVELOPMENT_SECRET: Final = "for-development-only-never-for-a-real-fleet"  # noqa: S105 - refused elsewhere
KNOWN_SECRETS: Final = frozenset(
    {"", "admin", "change-me", "changeme", "changethis", "default", "password", "postgres", "secret", "stressvision"}
    | {DEVELOPMENT_SECRET, "development", "insecure", "test", "token"}
)
MIN_SECRET_LENGTH: Final = 32
"""Of the HS256 key, in characters: RFC 7518 section 3.2 asks for as many bits as the hash has."""


class Settings(BaseSettings):
    """One instance of the intake. Times in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(
        env_prefix="STRESSVISION_INGEST_", populate_by_name=True, extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = Field(
        default="production",
        validation_alias="STRESSVISION_ENV",
        description="In development, known secrets are let through.",
    )
    redis_url: str = Field(
        default="redis://127.0.0.1:6380/0",
        validation_alias="STRESSVISION_REDIS_URL",
        description="Where the workers are woken. The intake works without it.",
    )
    database_url: SecretStr = Field(description="Postgres, as the role stressvision_ingest.")
    token_secret: SecretStr = Field(
        default=SecretStr(DEVELOPMENT_SECRET), description="Signs the access tokens of devices (HS256)."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8000, ge=1, le=65535, description="Port to listen on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged.")

    token_lifetime_s: int = Field(default=3600, ge=60, le=3600, description="How long an access token is good.")
    key_days: int = Field(
        default=365, ge=0, description="A device is asked to change a key that is older, in days; 0: never."
    )
    roster_age_s: float = Field(
        default=2.0, gt=0, le=4.0, description="How old what is known of devices may be before it is read again."
    )
    writers: int = Field(default=2, ge=1, le=16, description="Connections that store events.")
    flush_rows: int = Field(default=1_000, ge=1, le=10_000, description="Most events stored in one statement.")
    queue_rows: int = Field(default=20_000, ge=1, description="Events that may wait; beyond, 503.")
    queue_age_s: float = Field(default=2.0, gt=0, description="Longest wait of the oldest event; beyond, 503.")
    open_requests: int = Field(default=512, ge=1, description="Batches read at once; beyond, 503. Bounds memory.")
    device_rate: float = Field(
        default=500.0, gt=0, description="Events a second that one device may send while the queue is half full."
    )
    device_burst: float = Field(default=5_000.0, ge=1, description="Events that one device may send at once then.")
    enrolment_failures: int = Field(default=20, ge=1, description="Wrong enrolment codes an address may try a minute.")
    replay_period_s: float = Field(default=5.0, gt=0, description="How often letters to send again are looked for.")
    statement_timeout_s: float = Field(
        default=10.0, gt=0, description="Longest a statement, or the wait for a connection, may take."
    )
    body_timeout_s: float = Field(default=30.0, gt=0, description="Longest a body may take to arrive.")
    oldest_event_days: int = Field(default=400, ge=1, description="Events from longer ago are refused as bad_time.")
    newest_event_s: float = Field(default=600.0, ge=0, description="Events from further ahead are refused as bad_time.")

    @model_validator(mode="after")
    def _refuse_known_secrets(self) -> Self:
        if self.environment == "development":
            return self
        secret = self.token_secret.get_secret_value()
        if is_known(secret) or len(secret) < MIN_SECRET_LENGTH:
            raise ValueError(
                "STRESSVISION_INGEST_TOKEN_SECRET is a known secret or shorter than "
                f"{MIN_SECRET_LENGTH} characters; set a random one, or STRESSVISION_ENV=development on a laptop"
            )
        password = str(conninfo_to_dict(self.database_url.get_secret_value()).get("password") or "")
        if is_known(password):
            raise ValueError(
                "STRESSVISION_INGEST_DATABASE_URL has a known password or none; set a random one, "
                "or STRESSVISION_ENV=development on a laptop"
            )
        return self


def is_known(secret: str) -> bool:
    """Also the words that `.env.example` holds in the place of secrets."""
    return secret.lower() in KNOWN_SECRETS or secret.startswith("development-")
