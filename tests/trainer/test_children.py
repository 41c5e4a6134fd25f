"""Child processes: what they print is heard, what they complain of is kept, and none outlives its reason."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from stressvision_trainer.children import ChildError, run_child
from stressvision_trainer.errors import CancelledError


class Ears:
    """Stands in for a held job: hears its log, and has a reason to stop after `patience` looks."""

    def __init__(self, patience: int | None = None) -> None:
        self.lines: list[str] = []
        self.left = patience

    def say(self, line: str) -> None:
        self.lines.append(line)

    def check(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise CancelledError


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`child.py`, importable by children."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "child.py"


def run(ears: Any, *words: str) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    run_child(ears, "child", words, heard.append)
    return heard


def test_json_is_heard_words_are_kept_and_chatter_is_not(module: Path) -> None:
    module.write_text(
        "import json, sys\n"
        "print(json.dumps({'epoch': 1, 'words': sys.argv[1:]}))\n"
        "print('Saved artifact at /tmp/x')\n"
        "print('I0000 00:00:17 port.cc: oneDNN', file=sys.stderr)\n"
        "print('begins from scratch', file=sys.stderr)\n"
    )
    ears = Ears()
    assert run(ears, "fit", "--json") == [{"epoch": 1, "words": ["fit", "--json"]}]
    assert ears.lines == ["begins from scratch"]


def test_a_failure_says_what_the_child_said_and_a_kill_by_what(module: Path) -> None:
    module.write_text("import sys\nprint('error: loss is nan', file=sys.stderr)\nsys.exit(1)\n")
    with pytest.raises(ChildError, match=r"^loss is nan$") as failed:
        run(Ears())
    assert failed.value.killed == 0
    module.write_text("import os\nos.kill(os.getpid(), 9)\n")
    with pytest.raises(ChildError, match="killed by signal 9") as killed:
        run(Ears())
    assert killed.value.killed == 9


def test_a_child_never_sees_the_token(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRESSVISION_TRAINER_TOKEN", "sv_secret")
    module.write_text("import json, os\nprint(json.dumps({'seen': 'sv_secret' in str(os.environ)}))\n")
    assert run(Ears()) == [{"seen": False}]


def test_a_child_is_ended_when_there_is_a_reason_even_if_it_will_not(
    module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stressvision_trainer.children.GRACE_S", 0.5)
    module.write_text("import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)\n")
    began = time.monotonic()
    with pytest.raises(CancelledError):
        run(Ears(patience=5))
    assert time.monotonic() - began < 10
    assert not [child for child in psutil.Process().children() if "stressvision_trainer.leash" in child.cmdline()]


def test_a_child_dies_with_its_parent(tmp_path: Path) -> None:
    (tmp_path / "child.py").write_text("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(600)\n")
    parent = (
        "import os, subprocess, sys, time\n"
        "command = [sys.executable, '-m', 'stressvision_trainer.leash', str(os.getpid()), 'child']\n"
        "subprocess.Popen(command)\ntime.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
