from pathlib import Path

import pytest
from pydantic import ValidationError

from stressvision_worker.cli import load_settings, make_metrics_folder
from stressvision_worker.settings import Settings


@pytest.mark.parametrize("password", ["postgres", "change-me", "development-worker-password"])
def test_known_passwords_are_refused_in_production(password: str) -> None:
    url = f"postgresql://stressvision_worker:{password}@127.0.0.1/x"

    with pytest.raises(ValidationError, match="known password"):
        Settings(database_url=url)

    assert Settings(database_url=url, environment="development").marks > 0


def test_a_missing_setting_ends_the_process_and_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("STRESSVISION_WORKER_DATABASE_URL", raising=False)

    with pytest.raises(SystemExit) as ending:
        load_settings()

    assert ending.value.code == 2
    assert "database_url" in capsys.readouterr().err


def test_counters_of_killed_workers_are_removed_those_of_living_ones_are_not(tmp_path: Path) -> None:
    living = make_metrics_folder(tmp_path)
    killed = tmp_path / f"stressvision-worker-metrics-{2**22 + 1}-abc"
    killed.mkdir()

    made = make_metrics_folder(tmp_path)

    assert {*tmp_path.iterdir()} == {living, made}


def test_a_bad_setting_is_named_without_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STRESSVISION_WORKER_DATABASE_URL", "postgresql://w:postgres@127.0.0.1/x")

    with pytest.raises(SystemExit):
        load_settings()

    error = capsys.readouterr().err
    assert "known password" in error
    assert "127.0.0.1" not in error
