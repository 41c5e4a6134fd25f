"""What the operator may set of a trainer."""

from pathlib import Path

import pytest

from stressvision_trainer.settings import SettingsError, read_settings

TOKEN = {"STRESSVISION_TRAINER_TOKEN": "sv_secret"}


def test_a_token_is_enough_and_is_never_shown() -> None:
    settings = read_settings(TOKEN)
    assert (settings.control_url, settings.base_data, settings.mlflow_uri) == ("http://127.0.0.1:8001", None, None)
    assert settings.folder == Path("trainer").absolute()
    assert "sv_secret" not in repr(settings)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "STRESSVISION_TRAINER_TOKEN is missing"),
        (TOKEN | {"STRESSVISION_TRAINER_POLL_S": "soon"}, "STRESSVISION_TRAINER_POLL_S is 'soon'"),
        (TOKEN | {"STRESSVISION_TRAINER_HEARTBEAT_S": "0"}, "give 0.05 to 3600 seconds"),
        (TOKEN | {"STRESSVISION_TRAINER_POLL_S": "nan"}, "give 0.05 to 3600 seconds"),
        (TOKEN | {"STRESSVISION_TRAINER_BENCHMARK_RUNS": "0"}, "give a whole number from 1 to 65535"),
        (TOKEN | {"STRESSVISION_TRAINER_METRICS_PORT": "70000"}, "give a whole number from 0 to 65535"),
    ],
)
def test_what_cannot_be_is_said(given: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        read_settings(given)


def test_a_port_of_nought_shows_no_metrics() -> None:
    assert read_settings(TOKEN | {"STRESSVISION_TRAINER_METRICS_PORT": "0"}).metrics_port is None
