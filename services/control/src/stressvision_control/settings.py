"""What the operator may set, read from the environment once, in `main`."""

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

KNOWN_SECRETS = frozenset(
    {
        "admin",
        "change-me",
        "changeme",
        "default",
        "dev",
        "development",
        "password",
        "postgres",
        "secret",
        "test",
        "token",
    }
)
SHORTEST_SECRET = 16
FEWEST_LETTERS = 5
"""Different ones, or it is the same few over and over."""


class Settings(BaseSettings):
    """A secret that is known, or short enough to guess, is refused unless `STRESSVISION_ENV` is development."""

    model_config = SettingsConfigDict(
        env_prefix="STRESSVISION_", env_ignore_empty=True, frozen=True, hide_input_in_errors=True
    )

    env: Literal["development", "production"] = Field(
        default="production", description="development allows weak secrets"
    )
    control_database_url: SecretStr = Field(description="postgresql://stressvision_control:…@host:port/database")
    admin_token: SecretStr | None = Field(
        default=None, description="Bearer token of the first administrator; leave out once there are others"
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Where to wake the worker; without it the sweep finds changes within 15 s"
    )
    signing_keys: Path = Field(
        default=Path("keys"),
        description="Folder with online.pem and, where approval is to publish by itself, targets.pem",
    )
    control_host: str = Field(default="127.0.0.1", description="Address to listen on")
    control_port: int = Field(default=8001, ge=0, le=65535, description="Port to listen on")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(default="INFO", description="Least level logged")

    @model_validator(mode="after")
    def _refuse_known_secrets(self) -> Self:
        if self.env == "development":
            return self
        secrets = {"STRESSVISION_CONTROL_DATABASE_URL (its password)": self._database_password()}
        if self.admin_token is not None:
            secrets["STRESSVISION_ADMIN_TOKEN"] = self.admin_token.get_secret_value()
        if self.redis_url is not None and (password := urlsplit(self.redis_url.get_secret_value()).password):
            secrets["STRESSVISION_REDIS_URL (its password)"] = password
        for name, secret in secrets.items():
            if is_weak(secret):
                raise ValueError(
                    f"{name} is a known or short secret; set one of at least {SHORTEST_SECRET} random characters, "
                    "or STRESSVISION_ENV=development on a machine of your own"
                )
        return self

    def _database_password(self) -> str:
        return str(make_url(self.control_database_url.get_secret_value()).password or "")


def is_weak(secret: str) -> bool:
    """Whether it is short, a known word, or one of the words of `.env.example`, which all begin with "development-"."""
    plain = secret.strip().lower()
    stem = plain.removeprefix("stressvision").strip("-_0123456789")
    known = plain.startswith("development-") or plain in KNOWN_SECRETS or stem in KNOWN_SECRETS
    return known or len(plain) < SHORTEST_SECRET or len(set(plain)) < FEWEST_LETTERS
