"""`stressvision-agent update` and `rotate-key`: what a person at the device may have it do."""

import time
from pathlib import Path
from typing import Any

from stressvision_agent.client import DeviceClient, RefusedError, open_http
from stressvision_agent.clock import SystemClock
from stressvision_agent.doctor import Forgotten
from stressvision_agent.health import running_status
from stressvision_agent.rotation import KeptIdentity, Rotation
from stressvision_agent.settings import Settings
from stressvision_agent.timeline import Timeline
from stressvision_agent.updates.by_hand import status, take_from

TAKEN_S = 15.0
"""A running agent looks for what was left for it every second."""


def update(settings: Settings, folder: Path | None, version: str | None) -> dict[str, Any]:
    """Take a model from `folder`, if one is given; return how the device stands with its models."""
    if folder is None:
        return status(settings)
    offer = take_from(settings, folder, version, SystemClock().now())
    running = running_status() is not None
    until_s = time.monotonic() + (TAKEN_S if running else 0.0)
    facts = status(settings)
    while time.monotonic() < until_s and (facts["offered"] != offer.version or facts["state"] in {None, "downloaded"}):
        time.sleep(0.5)
        facts = status(settings)
    note = "the running agent proves it now" if running else "the agent uses and proves it when it runs"
    return {"taken": offer.version, "note": note, **facts}


def rotate_key(settings: Settings) -> dict[str, Any]:
    """Give this device a new key; raise `RefusedError`, `IdentityError`, `OSError`. The old one holds if it fails."""
    kept, clock = KeptIdentity(settings.key_file, settings.enrolled_file), SystemClock()
    with open_http(settings.server) as http:
        timeline = Timeline(clock, Forgotten(), synchronised=lambda: False)
        client = DeviceClient(http, kept, timeline, clock)
        if not Rotation(kept, client, timeline.now).step(asked=True):
            raise RefusedError(
                f"{settings.server.url} did not take a new key, the old one holds; see `stressvision-agent doctor`"
            )
    return {"device_id": kept.identity.enrolled.device_id, "key_file": kept.place}
