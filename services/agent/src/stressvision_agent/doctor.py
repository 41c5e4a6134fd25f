"""Looks for what would keep this device from its work, and says for each fault what to do."""

import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from stressvision_agent.camera import CameraError, SourceError, open_source
from stressvision_agent.client import UNREACHABLE, DeviceClient, open_http
from stressvision_agent.clock import Clock, SystemClock, wall_clock_is_synchronised
from stressvision_agent.directives import Directives
from stressvision_agent.health import UNIT, disk_free_bytes, running_status, temperature_c, throttled
from stressvision_agent.identity import IdentityError, load_identity
from stressvision_agent.off_line import open_off_line
from stressvision_agent.settings import Settings
from stressvision_agent.spool import DATABASE
from stressvision_agent.spool_status import read_status
from stressvision_agent.timeline import STEP_S, Anchor, Timeline
from stressvision_agent.updates.by_hand import status
from stressvision_vision.classifier import Classifier, ModelError, OutputError
from stressvision_vision.faces import DetectorError, open_detector

HOT_C = 80.0
"""Where a Raspberry Pi begins to slow itself down."""

FRAME_WAIT_S = 10.0


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found; `detail` of a fault says what to do."""

    check: str
    ok: bool
    detail: str


class Forgotten:
    """An anchor store for a look: nothing is kept."""

    def anchor(self) -> Anchor | None:
        return None

    def keep_anchor(self, anchor: Anchor) -> None:
        pass


def examine(settings: Settings, clock: Clock | None = None) -> Iterator[Finding]:
    """Run every check; none raises."""
    clock = clock or SystemClock()
    checks: dict[str, Callable[[], str]] = {
        "identity": lambda: _identity(settings),
        "server": lambda: _server(settings, clock),
        "clock": lambda: _clock(settings, clock),
        "model": lambda: _model(settings),
        "models over the air": lambda: _updates(settings),
        "detector": lambda: _detector(settings),
        "camera": lambda: _camera(settings, clock),
        "disk": lambda: _disk(settings),
        "spool": lambda: _spool(settings),
        "board": _board,
        "off switch": lambda: _off_switch(settings),
        "consent to see": lambda: _directives(settings),
    }
    for name, check in checks.items():
        try:
            yield Finding(check=name, ok=True, detail=check())
        except FAULTS as fault:
            yield Finding(check=name, ok=False, detail=str(fault))


class FaultError(Exception):
    """Something to mend; the message says how."""


FAULTS = (
    FaultError, IdentityError, ModelError, OutputError, DetectorError, SourceError, CameraError, OSError, sqlite3.Error,
)  # fmt: skip


def effective(settings: Settings) -> dict[str, Any]:
    """What holds, defaults included; secrets are not among the settings, only where they lie."""
    plain: dict[str, Any] = msgspec.to_builtins(settings, enc_hook=str)
    plain["device"]["key_file"] = str(settings.key_file)
    plain["device"]["off_switch"] = str(settings.off_switch)
    return plain


def _identity(settings: Settings) -> str:
    enrolled = load_identity(settings.key_file, settings.enrolled_file).enrolled
    if enrolled.server != settings.server.url:
        raise FaultError(
            f"enrolled at {enrolled.server}, but server.url is {settings.server.url}: set it right, or enrol anew"
        )
    return f"device {enrolled.device_id}"


def _reach(settings: Settings, clock: Clock) -> tuple[int, str, Timeline]:
    identity = load_identity(settings.key_file, settings.enrolled_file)
    timeline = Timeline(clock, Forgotten(), synchronised=lambda: False)
    with open_http(settings.server) as http:
        answer = DeviceClient(http, identity, timeline, clock).fetch_token()
        if answer.status == 401:
            answer = DeviceClient(http, identity, timeline, clock).fetch_token()
    return answer.status, answer.text, timeline


def _server(settings: Settings, clock: Clock) -> str:
    status, said, _ = _reach(settings, clock)
    if status == UNREACHABLE:
        raise FaultError(f"{settings.server.url} does not answer: {said}; check address, network and certificate")
    if 300 <= status < 400:
        raise FaultError(f"{settings.server.url} sends elsewhere ({status}): server.url must be where it sends to")
    if status != 200:
        raise FaultError(f"{settings.server.url} refuses this device ({status}): {said}; ask an operator")
    return f"{settings.server.url} knows this device"


def _clock(settings: Settings, clock: Clock) -> str:
    *_, timeline = _reach(settings, clock)
    offset_s, synchronised = timeline.offset_s(), wall_clock_is_synchronised()
    words = "set by a time server" if synchronised else "not set by a time server"
    if offset_s is None:
        if synchronised:
            return words
        raise FaultError(f"{clock.now():%Y-%m-%d %H:%M} UTC, {words}, and no server to compare with: set up NTP")
    if abs(offset_s) > STEP_S:
        raise FaultError(f"{offset_s:+.1f} s off the server's; times are put right, but set up NTP")
    return f"within {STEP_S:g} s of the server's, {words}"


def _model(settings: Settings) -> str:
    vision = settings.vision
    classifier = Classifier(vision.model, num_threads=vision.threads, delegate=vision.delegate)
    spec = classifier.manifest.input
    classifier.probabilities(np.zeros((spec.height, spec.width), np.uint8))
    return f"{classifier.manifest.version} runs in {classifier.runtime}"


def _updates(settings: Settings) -> str:
    facts = status(settings)
    for name in ("current", "good"):
        if facts[name].startswith("broken"):
            raise FaultError(f"the {name} model is {facts[name]}; another is used until the server sends it again")
    if facts["state"] is None:
        return f"{facts['current']} is in use, no other was ever offered"
    last = f"{facts['offered']} was {facts['state']}" + (f": {facts['reason']}" if facts["reason"] else "")
    return f"{facts['current']} is in use; {last}"


def _detector(settings: Settings) -> str:
    return type(open_detector(settings.vision.detector)).__name__


def _camera(settings: Settings, clock: Clock) -> str:
    camera = settings.camera
    if not camera.source.startswith(("file:", "dir:")) and (said := running_status()) is not None:
        return _camera_in_use(camera.source, said)
    source = open_source(
        camera.source, width=camera.width, height=camera.height, fps=camera.frames_per_second, clock=clock
    )
    try:
        frame = source.read(FRAME_WAIT_S)
    finally:
        source.close()
    if frame is None:
        raise FaultError(f"{camera.source} gave no frame in {FRAME_WAIT_S:g} s; is another program using it?")
    height, width = frame.grey.shape
    return f"{camera.source} gives {width} x {height}"


def _camera_in_use(source: str, said: str) -> str:
    """Only one program can have a camera: while the agent has it, its own word counts."""
    if said.startswith("camera"):
        raise FaultError(
            f"the running agent gets no frame from {source} ({said}): check its cable, and `journalctl -u {UNIT}`"
        )
    if not said or said.startswith(("starting", "unknown")):
        raise FaultError(f"the agent has just opened {source}: ask again in some seconds")
    return f"the running agent has {source}: {said}"


def _disk(settings: Settings) -> str:
    folder = settings.device.state_dir
    probe = folder / "doctor.probe"
    probe.write_bytes(b"\0")
    probe.unlink()
    free, wanted = disk_free_bytes(folder) or 0, settings.spool.min_free_bytes
    if free < wanted:
        raise FaultError(f"{free >> 20} MiB free at {folder}, below {wanted >> 20}: the spool stops growing; make room")
    return f"{free >> 20} MiB free at {folder}"


def _spool(settings: Settings) -> str:
    path = settings.spool_dir / DATABASE
    if not path.exists():
        return "nothing recorded yet"
    status = read_status(path, datetime.now(UTC))
    if status.set_aside:
        raise FaultError(
            f"{status.set_aside} events were refused by the server; mend the cause, then `stressvision-agent spool "
            "--release` with the agent stopped"
        )
    broken = len(list(path.parent.glob(f"{DATABASE}.corrupt-*")))
    return f"{status.events} events wait, {status.evicted} were given up, {broken} corrupt files kept"


def _board() -> str:
    heat = temperature_c()
    if heat is not None and heat >= HOT_C:
        raise FaultError(f"{heat:.0f} °C: too hot, give it air")
    if throttled():
        raise FaultError("the board slows itself down: check its power supply and cooling")
    return "temperature unknown" if heat is None else f"{heat:.0f} °C"


def _off_switch(settings: Settings) -> str:
    line, number = open_off_line(settings.device), settings.device.off_line
    if line is None:
        return str(settings.off_switch)
    if running_status() is not None:
        return f"the running agent has GPIO line {number}"
    try:
        closed = line.read()
    except OSError as error:
        raise FaultError(f"GPIO line {number} of {settings.device.off_chip} cannot be read: {error}") from error
    finally:
        line.release()
    if closed:
        raise FaultError(f"the switch on GPIO line {number} is closed: nothing is seen")
    return f"GPIO line {number} is open"


def _directives(settings: Settings) -> str:
    directives = Directives(settings.directives_file, settings.off_switch)
    match directives.pause_reason():
        case "worker":
            raise FaultError(
                f"switched off at the station: `stressvision-agent resume` goes on ({settings.off_switch})"
            )
        case "server":
            raise FaultError("paused by an operator")
        case "profile" if not directives.known:
            raise FaultError("the server has not yet said what may be seen: start the agent with the server in reach")
        case "profile":
            raise FaultError("the site's profile is off")
        case None:
            return f"profile {directives.wishes.site_profile}"
