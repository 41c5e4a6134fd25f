"""Secrets of a new installation: fresh, private, in step with each other, and never those that everybody knows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from native.dotenv import DotenvError, check_dotenv, read_dotenv, write_dotenv
from native.layout import ROOT

EXAMPLE = ROOT / ".env.example"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    assert write_dotenv(path, EXAMPLE)
    return path


def test_fresh_secrets_differ_from_the_known_and_from_each_other(written: Path) -> None:
    values, known = read_dotenv(written), read_dotenv(EXAMPLE)
    secrets = [name for name in values if name.endswith(("_PASSWORD", "_SECRET", "_TOKEN"))]
    assert len(secrets) == 12
    assert len({values[name] for name in secrets}) == len(secrets)
    assert not {values[name] for name in secrets} & set(known.values())
    assert all(len(values[name]) >= 32 for name in secrets)


def test_only_the_owner_reads_it(written: Path) -> None:
    assert written.stat().st_mode & 0o777 == 0o600


def test_an_existing_file_is_kept(written: Path) -> None:
    before = written.read_bytes()
    assert not write_dotenv(written, EXAMPLE)
    assert written.read_bytes() == before


@pytest.mark.parametrize("environment", ["development", "production"])
def test_fresh_secrets_serve_everywhere(written: Path, environment: str) -> None:
    check_dotenv({**read_dotenv(written), "STRESSVISION_ENV": environment}, read_dotenv(EXAMPLE))


def test_known_secrets_serve_in_development_only() -> None:
    example = read_dotenv(EXAMPLE)
    check_dotenv(example, example)
    with pytest.raises(DotenvError, match=r"STRESSVISION_ADMIN_TOKEN.*everybody knows"):
        check_dotenv({**example, "STRESSVISION_ENV": "production"}, example)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"STRESSVISION_ENV": "staging"}, "'staging': use development or production"),
        ({"STRESSVISION_REDIS_URL": ""}, "lacks STRESSVISION_REDIS_URL"),
        ({"STRESSVISION_INGEST_DATABASE_PASSWORD": "other"}, "is not the password in STRESSVISION_INGEST_DATABASE_URL"),
    ],
)
def test_a_bad_setting_is_named(change: dict[str, str], complaint: str) -> None:
    example = read_dotenv(EXAMPLE)
    with pytest.raises(DotenvError, match=complaint):
        check_dotenv({**example, **change}, example)


def test_a_line_that_is_no_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("A=1\nexport B='two words'\nnonsense\n")
    with pytest.raises(DotenvError, match=r"\.env:3: 'nonsense'"):
        read_dotenv(path)
    path.write_text("A=1\nexport B='two words'\n")
    assert read_dotenv(path) == {"A": "1", "B": "two words"}


@pytest.mark.parametrize("service", ["ingest", "control", "worker", "beat"])
def test_services_refuse_the_examples_secrets_outside_development(service: str) -> None:
    environment = {**os.environ, **read_dotenv(EXAMPLE), "STRESSVISION_ENV": "production"}
    done = subprocess.run(
        [Path(sys.executable).with_name(f"stressvision-{service}")],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "STRESSVISION_ENV=development" in done.stderr
    assert "that-everybody-knows" not in done.stderr
