"""The two kinds of real camera: one on the Pi's own connector, by picamera2, and one on USB, by V4L2."""

from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from stressvision_agent.camera.frames import CameraError, SourceError, fit

WAIT_S: Final = 3.5
"""How long picamera2 may keep us waiting for a frame; its default is for ever (picamera2 issues 336 and 794)."""

LIMITED_TO_FULL: Final[NDArray[np.uint8]] = np.clip(
    np.round((np.arange(256, dtype=np.float64) - 16) * 255 / 219), 0, 255
).astype(np.uint8)
"""Video range 16..235 (ITU-R BT.601) to the 0..255 that models are trained on."""


class PiCamera:
    """The Y plane of picamera2's YUV420 lores stream: grey without any conversion."""

    interval_s: float | None = None

    def __init__(self, *, width: int, height: int, fps: float, wait_s: float = WAIT_S) -> None:
        try:
            from picamera2 import Picamera2
        except ImportError as error:
            raise SourceError(
                "source picamera2 needs the package picamera2: apt install python3-picamera2, and let the agent's "
                "environment see system packages"
            ) from error
        if not Picamera2.global_camera_info():
            raise CameraError("no Pi camera found; check its cable and `rpicam-hello --list-cameras`")
        self._wait_s = wait_s
        self._camera: Any = Picamera2()
        try:
            self._start(width, height, fps)
        except BaseException:
            self.close()
            raise

    def _start(self, width: int, height: int, fps: float) -> None:
        interval_us = round(1e6 / fps)
        config = self._camera.create_video_configuration(
            # the same shape as lores, which is scaled from the same part of the sensor
            main={"size": (width, height), "format": "YUV420"},
            lores={"size": (width, height), "format": "YUV420"},
            controls={"FrameDurationLimits": (interval_us, interval_us)},
            buffer_count=4,
            display=None,
            encode=None,
        )
        self._camera.configure(config)
        actual = self._camera.camera_configuration()
        self._width, self._height = actual["lores"]["size"]
        self._full_range = is_full_range(actual.get("colour_space"))
        self._camera.start()

    def grab(self) -> NDArray[np.uint8] | None:
        try:
            request = self._camera.capture_request(wait=self._wait_s)
        except TimeoutError as error:
            raise CameraError(f"the Pi camera gave no frame for {self._wait_s} s") from error
        try:
            rows = request.make_array("lores")
        finally:
            request.release()
        # rows are padded to the stride, and the chroma planes lie below (picamera2 issue 645)
        luma: NDArray[np.uint8] = np.ascontiguousarray(rows[: self._height, : self._width])
        return luma if self._full_range else cv2.LUT(luma, LIMITED_TO_FULL).astype(np.uint8, copy=False)

    def close(self) -> None:
        self._camera.stop()
        self._camera.close()


def is_full_range(colour_space: object) -> bool:
    """Whether luma already spans 0..255. An unknown space counts as limited, lores on a Pi 5 being so."""
    span = getattr(colour_space, "range", None)
    if span is not None:
        return str(getattr(span, "name", span)).rpartition(".")[2] == "Full"
    text = str(colour_space).lower()
    return "sycc" in text or "full" in text


class V4L2Camera:
    """A camera on USB, or any other that the kernel shows as /dev/video*."""

    interval_s: float | None = None

    def __init__(self, device: str, *, width: int, height: int, fps: float) -> None:
        self._name = f"/dev/video{device}" if device.isdecimal() else device
        self._width, self._height = width, height
        if not Path(self._name).exists():
            raise CameraError(
                f"there is no {self._name}; plug the camera in or name another (`v4l2-ctl --list-devices`)"
            )
        self._video = cv2.VideoCapture(int(device) if device.isdecimal() else device, cv2.CAP_V4L2)
        if not self._video.isOpened():
            raise CameraError(f"{self._name} cannot be opened; is another program using it, are you in group video?")
        self._video.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        self._video.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        self._video.set(cv2.CAP_PROP_FPS, fps)

    def grab(self) -> NDArray[np.uint8] | None:
        ok, picture = self._video.read()
        if not ok:
            raise CameraError(f"{self._name} gave no frame; was it unplugged?")
        grey = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
        return fit(grey.astype(np.uint8, copy=False), self._width, self._height)

    def close(self) -> None:
        self._video.release()
