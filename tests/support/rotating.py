"""A device that changes its key, if need be in a process that dies on the way."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stressvision_agent.client import DeviceClient, open_http
from stressvision_agent.clock import SystemClock
from stressvision_agent.doctor import Forgotten
from stressvision_agent.rotation import KeptIdentity, Rotation
from stressvision_agent.settings import ServerSettings, Settings
from stressvision_agent.timeline import Timeline

CHANGES = frozenset({"os.rename", "os.remove", "open"})


@contextmanager
def rotating(key_file: Path, state_dir: Path, url: str) -> Iterator[tuple[KeptIdentity, DeviceClient, Rotation]]:
    kept, clock = KeptIdentity(key_file, state_dir / "device.json"), SystemClock()
    with open_http(ServerSettings(url=url, read_timeout_s=5.0)) as http:
        timeline = Timeline(clock, Forgotten())
        client = DeviceClient(http, kept, timeline, clock)
        yield kept, client, Rotation(kept, client, timeline.now)


def rotate_until(settings: Settings, step: int) -> None:
    """Rotate in a process of its own that dies before its `step`th change."""
    count = 0

    def look(event: str, args: tuple[Any, ...]) -> None:
        nonlocal count
        if event in CHANGES and str(args[0]).startswith(str(settings.device.state_dir)):
            writes = event != "open" or args[2] & (os.O_WRONLY | os.O_RDWR)
            count += bool(writes)
            if writes and count == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(look)
    with rotating(settings.key_file, settings.device.state_dir, settings.server.url) as (_, _, rotation):
        rotation.step(asked=True)
        os._exit(7)
