"""Known secrets never reach a real fleet."""

import pytest
from pydantic import ValidationError

from stressvision_ingest.settings import DEVELOPMENT_SECRET, Settings

GOOD = {
    "environment": "production",
    "database_url": "postgresql://stressvision_ingest:8Vq2mE0c@127.0.0.1:5433/stressvision",
    "token_secret": "kXv3_9h2nW8bQe5tYp1sRz7uJm4cLd6f",
}


def test_random_secrets_are_taken():
    assert Settings(**GOOD).port == 8000


@pytest.mark.parametrize("secret", [DEVELOPMENT_SECRET, "", "change-me", "short", "a" * 31])
def test_known_or_short_token_secrets_are_refused(secret):
    with pytest.raises(ValidationError, match="STRESSVISION_INGEST_TOKEN_SECRET"):
        Settings(**GOOD | {"token_secret": secret})


@pytest.mark.parametrize("login", ["stressvision_ingest", "stressvision_ingest:postgres", "x:ChangeMe", "x:"])
def test_known_or_missing_database_passwords_are_refused(login):
    with pytest.raises(ValidationError, match="STRESSVISION_INGEST_DATABASE_URL"):
        Settings(**GOOD | {"database_url": f"postgresql://{login}@127.0.0.1/stressvision"})


def test_a_laptop_may_use_them():
    Settings(environment="development", database_url="postgresql://x@127.0.0.1/y")


def test_the_environment_is_read_and_production_is_assumed(monkeypatch):
    for name, value in {
        "STRESSVISION_INGEST_DATABASE_URL": GOOD["database_url"],
        "STRESSVISION_INGEST_TOKEN_SECRET": GOOD["token_secret"],
        "STRESSVISION_INGEST_PORT": "8123",
        "STRESSVISION_REDIS_URL": "redis://127.0.0.1:1/0",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("STRESSVISION_ENV", raising=False)
    settings = Settings()
    assert (settings.environment, settings.port, settings.redis_url) == ("production", 8123, "redis://127.0.0.1:1/0")


def test_a_secret_is_in_no_message():
    with pytest.raises(ValidationError) as caught:
        Settings(**GOOD | {"token_secret": "hunter2hunter2", "port": 0})
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Settings(**GOOD))
