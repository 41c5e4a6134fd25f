"""From the words of a setting (`picamera2`, `v4l2:0`, `file:clip.avi`, `dir:pictures`) to a source of frames."""

import re
from functools import partial
from pathlib import Path

from stressvision_agent.camera.capture import Capture
from stressvision_agent.camera.devices import PiCamera, V4L2Camera
from stressvision_agent.camera.frames import FrameSource, SourceError
from stressvision_agent.camera.recordings import PictureFolder, VideoFile, pictures_in
from stressvision_agent.clock import Clock, SystemClock

_DEVICE = re.compile(r"\d{1,3}|/dev/\S+")


def check_source(spec: str) -> None:
    """Raise `SourceError`, saying what to change, when `spec` can never give frames; cameras are not opened."""
    kind, _, place = spec.partition(":")
    path = Path(place)
    if kind == "file":
        if not path.is_file():
            raise SourceError(f"source {spec}: there is no file {place!r}")
    elif kind == "dir":
        if not path.is_dir():
            raise SourceError(f"source {spec}: there is no folder {place!r}")
        pictures_in(path)
    elif not (spec == "picamera2" or (kind == "v4l2" and _DEVICE.fullmatch(place))):
        raise SourceError(f"source {spec!r} is none of picamera2, v4l2:N, file:PATH, dir:PATH")


def open_source(
    spec: str,
    *,
    width: int,
    height: int,
    fps: float,
    realtime: bool = True,
    loop: bool = False,
    clock: Clock | None = None,
) -> FrameSource:
    """Begin to capture from `spec`. Frames are grey and fit into `width` x `height`.

    Cameras are live: the newest frame wins. Files and folders give every frame in order, paced as recorded (folders
    at `fps`) when `realtime`, else as fast as they are read, and again from the start when `loop`. `SourceError` when
    `spec` can never work; what fails later is raised by `read`.
    """
    check_source(spec)
    kind, _, place = spec.partition(":")
    clock = clock or SystemClock()
    if kind == "file":
        play = partial(VideoFile, Path(place), width=width, height=height, realtime=realtime, loop=loop)
        return Capture(play, clock, keep="all")
    if kind == "dir":
        show = partial(PictureFolder, Path(place), width=width, height=height, fps=fps, realtime=realtime, loop=loop)
        return Capture(show, clock, keep="all")
    if kind == "v4l2":
        return Capture(partial(V4L2Camera, place, width=width, height=height, fps=fps), clock)
    return Capture(partial(PiCamera, width=width, height=height, fps=fps), clock)
