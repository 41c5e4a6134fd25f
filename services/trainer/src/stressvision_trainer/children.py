"""The child processes that do the work: killed when there is a reason, and what they print is heard line by line."""

import os
import queue
import re
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from stressvision_trainer.errors import JobError
from stressvision_trainer.holding import Held

GRACE_S: Final = 5.0
LOOK_S: Final = 0.2
TAIL: Final = 30
ENVIRONMENT: Final = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1", "CUDA_MODULE_LOADING": "LAZY"}
NOISE: Final = re.compile(
    r"WARNING: All log|[IW]\d{4} \d|INFO: |fully_quantize|.*Warning: |  warnings\.warn|"
    r"Saved artifact at|\* Endpoint|  args_\d|Output Type:|Captures:|  (\d+: )?TensorSpec"
)
"""How lines begin that TensorFlow writes whatever it is told."""
SECRETS: Final = ("STRESSVISION_TRAINER_TOKEN", "STRESSVISION_ADMIN_TOKEN", "STRESSVISION_TOKEN")

Record = dict[str, Any]


class ChildError(JobError):
    """The child ended badly; `killed` by the number of the signal that ended it, 0 if none did."""

    def __init__(self, message: str, killed: int) -> None:
        super().__init__(message)
        self.killed = killed


def run_child(
    held: Held, module: str, words: Sequence[str], hear: Callable[[Record], None], folder: Path | None = None
) -> None:
    """Run `python -m module words`: `hear` gets each JSON object that it prints, the job's log what it says on stderr.

    Raise `ChildError` when it fails, and what `held.check` raises, after the child was killed.
    """
    command = [sys.executable, "-m", "stressvision_trainer.leash", str(os.getpid()), module, *words]
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS} | ENVIRONMENT
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=folder,
        errors="replace", start_new_session=True,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stderr is not None
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()
    tail: deque[str] = deque(maxlen=TAIL)
    readers = [
        threading.Thread(target=_read, args=(child.stdout, heard.put), daemon=True),
        threading.Thread(target=_read, args=(child.stderr, lambda line: _note(held, tail, line)), daemon=True),
    ]
    for reader in readers:
        reader.start()
    try:
        while child.poll() is None:
            held.check()
            _hear_all(heard, hear, wait_s=LOOK_S)
    finally:
        _end(child)
        for reader in readers:
            reader.join(timeout=GRACE_S)
    _hear_all(heard, hear, wait_s=0)
    if child.returncode != 0:
        killed = max(0, -child.returncode)
        why = "\n".join(tail).removeprefix("error: ") or f"it ended with {child.returncode} and said nothing"
        raise ChildError(f"killed by signal {killed}" if killed else why, killed)


def _hear_all(heard: "queue.SimpleQueue[str]", hear: Callable[[Record], None], *, wait_s: float) -> None:
    try:
        line = heard.get(timeout=wait_s) if wait_s else heard.get_nowait()
        while True:
            _hear(line, hear)
            line = heard.get_nowait()
    except queue.Empty:
        return


def _hear(line: str, hear: Callable[[Record], None]) -> None:
    try:
        record = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return  # the chatter of libraries; what people are to read comes on the other pipe
    hear(record)


def _read(pipe: IO[str], take: Callable[[str], None]) -> None:
    with pipe:
        for line in pipe:
            if line.strip():
                take(line.rstrip())


def _note(held: Held, tail: "deque[str]", line: str) -> None:
    if NOISE.match(line) is None:
        tail.append(line)
        held.say(line)


def _end(child: "subprocess.Popen[str]") -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
