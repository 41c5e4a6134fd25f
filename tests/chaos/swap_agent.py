"""The updating side of an agent as a process to kill: it takes a model, proves or spoils it, and says how it stands.

`python -m chaos.swap_agent STATE_DIR SERVER_URL` reads a JSON object a line and answers each with one. Every run is a
process of its own, forked from this one, and may be told to die by kill -9 just before its nth change of a file.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from stressvision_contracts.fleet import DesiredModel
from stressvision_vision.classifier import OutputError
from support.updating import Device, device_of, settings_of

CHANGES: Final = frozenset({"os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir", "os.truncate"})
WRITES: Final = os.O_WRONLY | os.O_RDWR


class Failing:
    """The model in use, spoilt."""

    def __init__(self, classifier: Any) -> None:
        self.manifest = classifier.manifest

    def probabilities(self, face: object) -> object:
        raise OutputError("spoilt")


class Steps:
    """Counts changes of files under `folder`; the `kill_at`th is never made."""

    def __init__(self, folder: Path, kill_at: int | None) -> None:
        self.folder, self.kill_at, self.count = str(folder), kill_at, 0
        sys.addaudithook(self)

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event in CHANGES:
            path = args[1] if event == "os.symlink" else args[0]
        elif event == "open" and isinstance(args[2], int) and args[2] & WRITES:
            path = args[0]
        else:
            return
        if isinstance(path, (str, os.PathLike)) and not str(path).startswith(self.folder):
            return
        self.count += 1
        if self.count == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def run(
    state: Path, url: str, wish: DesiredModel, *, spoil: bool, kill_at: int | None, latency_s: float
) -> dict[str, Any]:
    """Take `wish` to its end, and say how things stand."""
    began_s = time.monotonic()
    steps = Steps(state, kill_at)
    with device_of(settings_of(state, url, latency_p95_s=latency_s)) as device:
        loaded_s = time.monotonic() - began_s
        first = device.in_use.manifest.version
        device.wish(wish)
        _until(device, lambda: device.state in {"installed", "confirmed", "reverted", "rejected"})
        if spoil and device.state == "installed":
            device.in_use._classifier = Failing(device.in_use)
            try:
                device.see(1)
            except OutputError:
                device.turn()
        elif device.state == "installed":
            device.see()
        shelf = device.slots.shelf
        return {
            "first": first,
            "loaded_s": loaded_s,
            "state": device.state,
            "reason": device.reason,
            "in_use": device.in_use.manifest.version,
            "current": shelf.named("current"),
            "good": shelf.named("good"),
            "steps": steps.count,
        }


def _until(device: Device, check: Callable[[], bool]) -> None:
    for _ in range(50):
        device.turn()
        if check():
            return
    raise AssertionError(f"the device stays {device.state}: {device.reason}")


def main() -> None:
    state, url = Path(sys.argv[1]), sys.argv[2]
    for line in sys.stdin:
        order = json.loads(line)
        wish = msgspec.convert(order.pop("wish"), DesiredModel)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                answer = run(state, url, wish, **order)
            except BaseException as error:  # noqa: BLE001 - told to the parent
                answer = {"error": f"{type(error).__name__}: {error}"}
            os.write(writing, json.dumps(answer).encode())
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        answer = json.loads(said) if said else {}
        print(json.dumps({**answer, "killed": os.WIFSIGNALED(status)}), flush=True)


if __name__ == "__main__":
    main()
