"""The command line itself: what it needs before a command begins, and what it does not load."""

import subprocess
import sys

import pytest
from typer.testing import CliRunner

from stressvision_training.cli import app


def test_a_backend_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    done = CliRunner().invoke(app, ["fit", "--recipe", "r.toml", "--data", "d", "--out", "o"])
    assert done.exit_code == 1
    assert "KERAS_BACKEND is 'theano', which is not installed here; unset it, or name tensorflow" in done.output


def test_the_command_line_alone_does_not_load_tensorflow() -> None:
    check = "import sys, stressvision_training.cli; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_a_process_of_its_own_looks_for_no_garbage_when_it_ends() -> None:
    check = "import atexit, gc; atexit.register(lambda: print('frozen', gc.get_freeze_count() > 0))"
    run = f"{check}; from stressvision_training.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", run, "--help"], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("frozen True\n")
