"""Secrets that everybody knows are refused."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from stressvision_control.settings import Settings, is_weak

URL = "postgresql://stressvision_control:{}@127.0.0.1:5433/stressvision"
GOOD = "q7Rk2mZx9vLpT4wBcD8e"


@pytest.mark.parametrize(
    "secret",
    ["", "admin", "change-me", "password", "stressvision", "stressvision-development", "short", "aaaaaaaaaaaaaaaaaaaa"],
)
def test_known_and_short_secrets_are_weak(secret: str) -> None:
    assert is_weak(secret)


def test_the_secrets_of_the_example_are_weak() -> None:
    example = (Path(__file__).parents[2] / ".env.example").read_text()
    words = set(re.findall(r"development-[a-z-]+", example)) - {"development-"}
    assert len(words) >= 3
    assert all(is_weak(word) for word in words)


def test_random_secrets_are_not() -> None:
    assert not is_weak(GOOD)


@pytest.mark.parametrize(("password", "token"), [("postgres", GOOD), (GOOD, "change-me"), ("", GOOD)])
def test_weak_secrets_stop_the_process_outside_development(password: str, token: str) -> None:
    with pytest.raises(ValidationError, match="known or short secret") as caught:
        Settings(control_database_url=URL.format(password), admin_token=token)
    assert GOOD not in str(caught.value)
    Settings(env="development", control_database_url=URL.format(password), admin_token=token)


def test_the_password_of_redis_is_held_to_the_same() -> None:
    def settings(redis_url: str) -> Settings:
        return Settings(control_database_url=URL.format(GOOD), redis_url=redis_url)

    with pytest.raises(ValidationError, match="STRESSVISION_REDIS_URL"):
        settings("redis://:development-redis-password@127.0.0.1:6380/0")
    settings(f"redis://:{GOOD}@127.0.0.1:6380/0")
    settings("redis://127.0.0.1:6380/0")


def test_an_empty_token_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRESSVISION_CONTROL_DATABASE_URL", URL.format(GOOD))
    monkeypatch.setenv("STRESSVISION_ADMIN_TOKEN", "")
    assert Settings().admin_token is None


def test_a_missing_url_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRESSVISION_CONTROL_DATABASE_URL", raising=False)
    with pytest.raises(ValidationError, match="control_database_url"):
        Settings()
